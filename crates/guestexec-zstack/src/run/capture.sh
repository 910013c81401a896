n() { printf 'guestexec:NONCE:-:%s:NONCE' "$1"; exit 125; };
exec 2>/dev/null; for p in mktemp rm wc tail base64 tr; do command -v "$p" >/dev/null || n "$p"; done;
d=$(mktemp -d) && true >"$d/o" && true >"$d/e" || { rm -rf "$d"; n mktemp; };
exec 3>>"$d/o" 4<"$d/o" 5>>"$d/e" 6<"$d/e" 7<"$d/o" 8<"$d/e"; rm -rf "$d";
(exec "${BASH:-sh}" -c COMMAND >&3 2>&5 </dev/null 3>&- 4<&- 5>&- 6<&- 7<&- 8<&-) && c=0 || c=$?;
o=$(($(wc -c <&7))); e=$(($(wc -c <&8)));
y=$((737280-o)); [ "$y" -ge 184320 ] || y=184320; [ "$y" -le "$e" ] || y=$e;
x=$((737280-y)); [ "$x" -le "$o" ] || x=$o;
printf 'guestexec:NONCE:%s:%s:%s:' "$c" "$((o-x))" "$((e-y))";
tail -c "$x" <&4 | base64 | tr -d '\n'; printf ':'; tail -c "$y" <&6 | base64 | tr -d '\n';
printf ':NONCE'
