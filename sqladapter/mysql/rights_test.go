package mysql

import (
	"maps"
	"slices"
	"testing"
)

func TestReadGrants(t *testing.T) {
	for line, want := range map[string][]string{
		"GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*AB'":       nil,
		"GRANT SELECT, INSERT ON `app`.`t` TO `u`@`%`":                     {"INSERT ON `app`.`t`", "SELECT ON `app`.`t`"},
		"GRANT SELECT (`a`, `b`), UPDATE (`a`) ON `app`.`t` TO `u`@`%`":    {"SELECT (`a`, `b`) ON `app`.`t`", "UPDATE (`a`) ON `app`.`t`"},
		"GRANT `app_role` TO `u`@`%`":                                      {"`app_role`"},
		"GRANT `one`@`%`,`two`@`%` TO `u`@`%`":                             {"`one`@`%`", "`two`@`%`"},
		"GRANT EXECUTE ON FUNCTION `app`.`f` TO `u`@`%` WITH GRANT OPTION": {"EXECUTE ON FUNCTION `app`.`f`"},
		"GRANT PROXY ON ''@'%' TO 'u'@'%'":                                 nil,
		"GRANT SELECT ON `a TO b ON c, d``(`.* TO `u`@`%`":                 {"SELECT ON `a TO b ON c, d``(`.*"},
		"SET DEFAULT ROLE `app_role` FOR `u`@`%`":                          nil,
		"GRANT ALL PRIVILEGES ON `app`.* TO `u`@`%`":                       {"ALL PRIVILEGES ON `app`.*"},
		"REVOKE INSERT, UPDATE ON `mysql`.* FROM `u`@`%`":                  {"withheld INSERT ON `mysql`.*", "withheld UPDATE ON `mysql`.*"},
	} {
		r := &rights{granted: map[string]bool{}, withheld: map[string]bool{}}
		if err := r.read(line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		got := slices.Sorted(maps.Keys(r.granted))
		for _, w := range slices.Sorted(maps.Keys(r.withheld)) {
			got = append(got, "withheld "+w)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q", line, got)
		}
	}
	if err := new(rights).read("ALLOW SELECT ON *.* TO `u`@`%`"); err == nil {
		t.Error("a line of another kind is passed over")
	}
}

// TestLacks: what is withheld counts as much as what is granted.
func TestLacks(t *testing.T) {
	read := func(account string, lines ...string) *rights {
		r := &rights{account: account, granted: map[string]bool{}, withheld: map[string]bool{}}
		for _, l := range lines {
			if err := r.read(l); err != nil {
				t.Fatal(err)
			}
		}
		return r
	}
	all, noMySQL := "GRANT SELECT ON *.* TO `u`@`%`", "REVOKE SELECT ON `mysql`.* FROM `u`@`%`"
	for name, tt := range map[string]struct {
		next, inUse *rights
		want        string
	}{
		"the same":             {read("b", all), read("a", all), ""},
		"less":                 {read("b"), read("a", all), "lacks SELECT ON *.*"},
		"all for one":          {read("b", "GRANT ALL PRIVILEGES ON *.* TO `u`@`%`"), read("a", all), ""},
		"withheld":             {read("b", all, noMySQL), read("a", all), "is withheld SELECT ON `mysql`.*"},
		"withheld from both":   {read("b", all, noMySQL), read("a", all, noMySQL), ""},
		"withheld before":      {read("b", all), read("a", all, noMySQL), ""},
		"the same account now": {read("a"), read("a", all), ""},
	} {
		if got := tt.next.lacks(tt.inUse); got != tt.want {
			t.Errorf("%s: it %q", name, got)
		}
	}
}
