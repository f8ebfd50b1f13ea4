package probe
import ("testing";"os";"strings")
func TestDump(t *testing.T){
 q:=objectsQueryFor([]class{{"pg_class",false},{"pg_namespace",false}})
 for i:=1;i<=4;i++ { q=strings.ReplaceAll(q,"$"+string(rune('0'+i))+"::","'"+os.Getenv("P"+string(rune('0'+i)))+"'::") }
 os.WriteFile("/tmp/probepg/obj.sql",[]byte(q+";\n"),0o644)
 q=loginsQuery
 q=strings.ReplaceAll(q,"$1::","'v1'::")
 os.WriteFile("/tmp/probepg/logins.sql",[]byte(q+";\n"),0o644)
}
