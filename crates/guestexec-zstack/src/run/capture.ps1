$t=[Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('TEXT'));$f=$env:ComSpec;$a='/d /s /c "'+$t+'"';
$o=[IO.Path]::GetTempFileName();$e=[IO.Path]::GetTempFileName();try{
$p=Start-Process $f $a -Wait -PassThru -NoNewWindow -RedirectStandardOutput $o -RedirectStandardError $e;
$r={param($x)$b=[IO.File]::ReadAllBytes($x);$n=[Math]::Min($b.Length,368640);
[string]($b.Length-$n);[Convert]::ToBase64String($b,$b.Length-$n,$n)};$x=&$r $o;$y=&$r $e;
[Console]::Out.Write('guestexec:NONCE:'+$p.ExitCode+':'+$x[0]+':'+$y[0]+':'+$x[1]+':'+$y[1]+':NONCE')
}finally{Remove-Item $o,$e}
