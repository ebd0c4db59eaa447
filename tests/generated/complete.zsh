# Types each of @TYPED@ and TAB into a shell of its own, and prints what the program was called with.
zmodload zsh/zpty
zpty inner zsh -f -i
send() { zpty -w -n inner "$1"; }
# until MARK: what came behind it, up to the mark that ends it.
until_mark() {
    local line
    zpty -r -m inner line "*<<<*>>>*"
    line=${line##*<<<}
    print -r -- ${line%%>>>*}
}
send $'PS1= PROMPT_EOL_MARK= TERM=dumb; autoload -Uz compinit; compinit -D -u; bindkey "^I" complete-word\n'
send $'LISTMAX=0; source @SCRIPT@; mdbitmap() { print -r "<""<<$*>"">>" }\n'
send $'_mdbitmap_arrays() { compadd -- /dev/md0 /dev/md127; [[ $PREFIX != m* ]] || compadd -- md0 md127 }\n'
send $'_mdbitmap_devices() { compadd -- /dev/sda1 /dev/sdb1 }; print "<""<<ready>"">>"\n'
until_mark >/dev/null
for typed in @TYPED@; do
    send "mdbitmap $typed"$'\t\n'
    until_mark
done
zpty -d inner
