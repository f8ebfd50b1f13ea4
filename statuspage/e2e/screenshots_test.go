package e2e_test

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/rekeyhq/rekey/statuspage"
)

// TestScreenshots makes the pictures in the documentation (make screenshots): two pools, one that rotates while a
// transaction holds connections of the credential before, and one whose source has failed.
func TestScreenshots(t *testing.T) {
	if *screenshots == "" {
		t.Skip("no -screenshots")
	}
	s := newSite(t, &statuspage.Options{Title: "shop-api"})
	orders, billing := s.open("orders", time.Minute), s.open("billing", time.Minute)
	b := newTab(t, look{})
	b.open(s.url())
	for range 3 {
		time.Sleep(4 * time.Second)
		orders.rotate()
	}
	billing.fail("dial tcp 10.2.0.7:8200: connect: connection refused")
	time.Sleep(3 * time.Second)
	orders.hold(2)
	orders.rotate()
	b.until("a generation drains", `document.querySelector("[data-phase=draining] .number")?.textContent === "2 connections"`)
	time.Sleep(2 * time.Second)
	for _, l := range allLooks {
		b.dress(l)
		time.Sleep(time.Second) // drawn anew
		save(t, b, "statuspage-"+l.String()+".png")
	}
}

// save takes a picture of what the window shows.
func save(t *testing.T, b *tab, name string) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(do(b, chromedp.CaptureScreenshot())))
	if err != nil {
		t.Fatal(err)
	}
	var small bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, reduce(img)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*screenshots, name), small.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// reduce keeps the 256 colours that are most frequent: a page of text and lines has hardly more, and a picture in the
// repository is there for ever.
func reduce(img image.Image) image.Image {
	frequency := map[color.Color]int{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			frequency[img.At(x, y)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(frequency), func(a, b color.Color) int { return cmp.Compare(frequency[b], frequency[a]) })
	small := image.NewPaletted(img.Bounds(), color.Palette(colours[:min(256, len(colours))]))
	draw.Draw(small, img.Bounds(), img, image.Point{}, draw.Src)
	return small
}
