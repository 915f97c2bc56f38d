# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_hostready_global_optspecs
    string join \n h/help V/version
end

function __fish_hostready_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_hostready_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_hostready_using_subcommand
    set -l cmd (__fish_hostready_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c hostready -n "__fish_hostready_needs_command" -s h -l help -d 'Print help'
complete -c hostready -n "__fish_hostready_needs_command" -s V -l version -d 'Print version'
complete -c hostready -n "__fish_hostready_needs_command" -f -a "check" -d 'May this host be upgraded now? Changes nothing'
complete -c hostready -n "__fish_hostready_needs_command" -f -a "snapshot" -d 'Remembers how this host is put together, as the baseline for `verify`'
complete -c hostready -n "__fish_hostready_needs_command" -f -a "verify" -d 'Did this host come back whole? Compares it with the baseline, changes nothing'
complete -c hostready -n "__fish_hostready_needs_command" -f -a "fix" -d 'What would repair this host, and with --apply does it'
complete -c hostready -n "__fish_hostready_needs_command" -f -a "confirm" -d 'Keeps what `fix` or `undo` changed with --confirm-within'
complete -c hostready -n "__fish_hostready_needs_command" -f -a "undo" -d 'Takes back what a run of `fix` changed'
complete -c hostready -n "__fish_hostready_needs_command" -f -a "explain" -d 'What is checked, why, at which threshold, and what to do by hand'
complete -c hostready -n "__fish_hostready_needs_command" -f -a "bundle" -d 'Everything the host answers in one file without secrets, for `check --from`'
complete -c hostready -n "__fish_hostready_needs_command" -f -a "schema" -d 'The JSON schema of the report, or of a snapshot'
complete -c hostready -n "__fish_hostready_needs_command" -f -a "completions" -d 'The words that a shell completes'
complete -c hostready -n "__fish_hostready_needs_command" -f -a "man" -d 'The manual page of the program, or of a verb'
complete -c hostready -n "__fish_hostready_using_subcommand check" -l for -d 'What the host is wanted fit for' -r -f -a "agent\t'New agent packages'
os\t'An OS release upgrade'
reboot\t'Upgraded and not yet rebooted'"
complete -c hostready -n "__fish_hostready_using_subcommand check" -l from -d 'Judge the host in this bundle instead of this one' -r -F
complete -c hostready -n "__fish_hostready_using_subcommand check" -l wait -d 'Look again for so long while what is wrong may pass by itself' -r
complete -c hostready -n "__fish_hostready_using_subcommand check" -l progress -d 'How to show that it waits' -r -f -a "auto\t'A line on stderr where that is a terminal'
json\t'One JSON object a line on stderr'
none\t''"
complete -c hostready -n "__fish_hostready_using_subcommand check" -l profile -d 'Use this profile in place of detection; may be repeated' -r
complete -c hostready -n "__fish_hostready_using_subcommand check" -l only -d 'Ask only checks whose id matches, `*` stands for anything; may be repeated' -r
complete -c hostready -n "__fish_hostready_using_subcommand check" -l skip -d 'Leave out checks whose id matches; may be repeated' -r
complete -c hostready -n "__fish_hostready_using_subcommand check" -l format -d 'How to print it' -r -f -a "text\t'For a person'
json\t'One document for a program'"
complete -c hostready -n "__fish_hostready_using_subcommand check" -l output -d 'Write it to this file too, as a whole or not at all' -r -F
complete -c hostready -n "__fish_hostready_using_subcommand check" -l color -d 'Colour the text' -r -f -a "auto\t''
always\t''
never\t''"
complete -c hostready -n "__fish_hostready_using_subcommand check" -l fail-on -d 'From which verdict on the exit code is not 0' -r -f -a "block\t''
warn\t''
never\t''"
complete -c hostready -n "__fish_hostready_using_subcommand check" -l exit-style -d 'Whose exit codes to use' -r -f -a "hostready\t''
nagios\t'0 ok, 1 warning, 2 critical, 3 unknown'"
complete -c hostready -n "__fish_hostready_using_subcommand check" -l timeout -d 'Time for looking: what has not answered by then is unknown' -r
complete -c hostready -n "__fish_hostready_using_subcommand check" -l config -d 'Read this configuration, and checks.d beside it [default: /etc/hostready/config.toml]' -r -F
complete -c hostready -n "__fish_hostready_using_subcommand check" -l drained -d 'No guest may be left running'
complete -c hostready -n "__fish_hostready_using_subcommand check" -l json -d 'Short for --format json'
complete -c hostready -n "__fish_hostready_using_subcommand check" -s q -l quiet -d 'One line a host'
complete -c hostready -n "__fish_hostready_using_subcommand check" -s v -l verbose -d 'Show what passed and what was skipped, too'
complete -c hostready -n "__fish_hostready_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostready -n "__fish_hostready_using_subcommand snapshot" -l name -d 'Call it so, instead of by the time; it then stays until somebody removes it' -r
complete -c hostready -n "__fish_hostready_using_subcommand snapshot" -l arm -d 'Let the boot guard act on this host, for so long and over three boots at most [default: 12h]' -r
complete -c hostready -n "__fish_hostready_using_subcommand snapshot" -l keep -d 'Keep so many of the snapshots that are called by their time, the newest' -r
complete -c hostready -n "__fish_hostready_using_subcommand snapshot" -l from -d 'Remember the host in this bundle instead of this one: on stdout, and where --state-dir says' -r -F
complete -c hostready -n "__fish_hostready_using_subcommand snapshot" -l profile -d 'Use this profile in place of detection; may be repeated' -r
complete -c hostready -n "__fish_hostready_using_subcommand snapshot" -l state-dir -d 'Where snapshots are kept [default: /var/lib/hostready]' -r -F
complete -c hostready -n "__fish_hostready_using_subcommand snapshot" -l format -d 'How to print it' -r -f -a "text\t'For a person'
json\t'One document for a program'"
complete -c hostready -n "__fish_hostready_using_subcommand snapshot" -l output -d 'Write it to this file too, as a whole or not at all' -r -F
complete -c hostready -n "__fish_hostready_using_subcommand snapshot" -l timeout -d 'Time for looking: what has not answered by then is unknown' -r
complete -c hostready -n "__fish_hostready_using_subcommand snapshot" -l config -d 'Read this configuration, and checks.d beside it [default: /etc/hostready/config.toml]' -r -F
complete -c hostready -n "__fish_hostready_using_subcommand snapshot" -l list -d 'Show the snapshots that there are, and take none'
complete -c hostready -n "__fish_hostready_using_subcommand snapshot" -l replace -d 'Take the place of the baseline, whatever speaks against it; with --name, only of the snapshot of that name'
complete -c hostready -n "__fish_hostready_using_subcommand snapshot" -l disarm -d 'Do not let the boot guard act any more, and take no snapshot'
complete -c hostready -n "__fish_hostready_using_subcommand snapshot" -l json -d 'Short for --format json'
complete -c hostready -n "__fish_hostready_using_subcommand snapshot" -s q -l quiet -d 'One line a host'
complete -c hostready -n "__fish_hostready_using_subcommand snapshot" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostready -n "__fish_hostready_using_subcommand verify" -l baseline -d 'Compare with this snapshot, a name or a file, instead of the last baseline' -r
complete -c hostready -n "__fish_hostready_using_subcommand verify" -l state-dir -d 'Where snapshots are kept [default: /var/lib/hostready]' -r -F
complete -c hostready -n "__fish_hostready_using_subcommand verify" -l from -d 'Judge the host in this bundle instead of this one' -r -F
complete -c hostready -n "__fish_hostready_using_subcommand verify" -l wait -d 'Look again for so long while what is wrong may pass by itself' -r
complete -c hostready -n "__fish_hostready_using_subcommand verify" -l progress -d 'How to show that it waits' -r -f -a "auto\t'A line on stderr where that is a terminal'
json\t'One JSON object a line on stderr'
none\t''"
complete -c hostready -n "__fish_hostready_using_subcommand verify" -l profile -d 'Use this profile in place of detection; may be repeated' -r
complete -c hostready -n "__fish_hostready_using_subcommand verify" -l only -d 'Ask only checks whose id matches, `*` stands for anything; may be repeated' -r
complete -c hostready -n "__fish_hostready_using_subcommand verify" -l skip -d 'Leave out checks whose id matches; may be repeated' -r
complete -c hostready -n "__fish_hostready_using_subcommand verify" -l format -d 'How to print it' -r -f -a "text\t'For a person'
json\t'One document for a program'"
complete -c hostready -n "__fish_hostready_using_subcommand verify" -l output -d 'Write it to this file too, as a whole or not at all' -r -F
complete -c hostready -n "__fish_hostready_using_subcommand verify" -l color -d 'Colour the text' -r -f -a "auto\t''
always\t''
never\t''"
complete -c hostready -n "__fish_hostready_using_subcommand verify" -l fail-on -d 'From which verdict on the exit code is not 0' -r -f -a "block\t''
warn\t''
never\t''"
complete -c hostready -n "__fish_hostready_using_subcommand verify" -l exit-style -d 'Whose exit codes to use' -r -f -a "hostready\t''
nagios\t'0 ok, 1 warning, 2 critical, 3 unknown'"
complete -c hostready -n "__fish_hostready_using_subcommand verify" -l timeout -d 'Time for looking: what has not answered by then is unknown' -r
complete -c hostready -n "__fish_hostready_using_subcommand verify" -l config -d 'Read this configuration, and checks.d beside it [default: /etc/hostready/config.toml]' -r -F
complete -c hostready -n "__fish_hostready_using_subcommand verify" -l expect-reboot -d 'The host must have been rebooted since the baseline'
complete -c hostready -n "__fish_hostready_using_subcommand verify" -l json -d 'Short for --format json'
complete -c hostready -n "__fish_hostready_using_subcommand verify" -s q -l quiet -d 'One line a host'
complete -c hostready -n "__fish_hostready_using_subcommand verify" -s v -l verbose -d 'Show what passed and what was skipped, too'
complete -c hostready -n "__fish_hostready_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostready -n "__fish_hostready_using_subcommand fix" -l accept -d 'Allow what cannot be taken back or disturbs guests, by name: a fix, or `disruption`' -r
complete -c hostready -n "__fish_hostready_using_subcommand fix" -l confirm-within -d 'Take it back after so long unless `hostready confirm` keeps it; needed for what this session hangs on' -r
complete -c hostready -n "__fish_hostready_using_subcommand fix" -l attach -d 'Follow a run that goes on, the present one or this; show again how one of this boot ended' -r
complete -c hostready -n "__fish_hostready_using_subcommand fix" -l for -d 'What the host is wanted fit for, before an upgrade [default: as its baseline, else agent]' -r -f -a "agent\t'New agent packages'
os\t'An OS release upgrade'
reboot\t'Upgraded and not yet rebooted'"
complete -c hostready -n "__fish_hostready_using_subcommand fix" -l from -d 'Plan for the host in this bundle instead of this one' -r -F
complete -c hostready -n "__fish_hostready_using_subcommand fix" -l lock-timeout -d 'How long to wait for the lock of the package manager' -r
complete -c hostready -n "__fish_hostready_using_subcommand fix" -l progress -d 'How to show what goes on' -r -f -a "auto\t'A line on stderr where that is a terminal'
json\t'One JSON object a line on stderr'
none\t''"
complete -c hostready -n "__fish_hostready_using_subcommand fix" -l profile -d 'Use this profile in place of detection; may be repeated' -r
complete -c hostready -n "__fish_hostready_using_subcommand fix" -l state-dir -d 'Where snapshots are kept [default: /var/lib/hostready]' -r -F
complete -c hostready -n "__fish_hostready_using_subcommand fix" -l format -d 'How to print it' -r -f -a "text\t'For a person'
json\t'One document for a program'"
complete -c hostready -n "__fish_hostready_using_subcommand fix" -l output -d 'Write it to this file too, as a whole or not at all' -r -F
complete -c hostready -n "__fish_hostready_using_subcommand fix" -l color -d 'Colour the text' -r -f -a "auto\t''
always\t''
never\t''"
complete -c hostready -n "__fish_hostready_using_subcommand fix" -l fail-on -d 'From which verdict on the exit code is not 0' -r -f -a "block\t''
warn\t''
never\t''"
complete -c hostready -n "__fish_hostready_using_subcommand fix" -l exit-style -d 'Whose exit codes to use' -r -f -a "hostready\t''
nagios\t'0 ok, 1 warning, 2 critical, 3 unknown'"
complete -c hostready -n "__fish_hostready_using_subcommand fix" -l timeout -d 'Time for looking: what has not answered by then is unknown' -r
complete -c hostready -n "__fish_hostready_using_subcommand fix" -l config -d 'Read this configuration, and checks.d beside it [default: /etc/hostready/config.toml]' -r -F
complete -c hostready -n "__fish_hostready_using_subcommand fix" -l apply -d 'Do it; without this nothing is changed'
complete -c hostready -n "__fish_hostready_using_subcommand fix" -l all -d 'Repair everything that blocks'
complete -c hostready -n "__fish_hostready_using_subcommand fix" -l json -d 'Short for --format json'
complete -c hostready -n "__fish_hostready_using_subcommand fix" -s q -l quiet -d 'One line a host'
complete -c hostready -n "__fish_hostready_using_subcommand fix" -s v -l verbose -d 'Show what passed and what was skipped, too'
complete -c hostready -n "__fish_hostready_using_subcommand fix" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostready -n "__fish_hostready_using_subcommand confirm" -l state-dir -d 'Where snapshots are kept [default: /var/lib/hostready]' -r -F
complete -c hostready -n "__fish_hostready_using_subcommand confirm" -l format -d 'How to print it' -r -f -a "text\t'For a person'
json\t'One document for a program'"
complete -c hostready -n "__fish_hostready_using_subcommand confirm" -l json -d 'Short for --format json'
complete -c hostready -n "__fish_hostready_using_subcommand confirm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostready -n "__fish_hostready_using_subcommand undo" -l confirm-within -d 'Do it again after so long unless `hostready confirm` keeps it so; needed for what this session hangs on' -r
complete -c hostready -n "__fish_hostready_using_subcommand undo" -l progress -d 'How to show what goes on' -r -f -a "auto\t'A line on stderr where that is a terminal'
json\t'One JSON object a line on stderr'
none\t''"
complete -c hostready -n "__fish_hostready_using_subcommand undo" -l state-dir -d 'Where snapshots are kept [default: /var/lib/hostready]' -r -F
complete -c hostready -n "__fish_hostready_using_subcommand undo" -l format -d 'How to print it' -r -f -a "text\t'For a person'
json\t'One document for a program'"
complete -c hostready -n "__fish_hostready_using_subcommand undo" -l output -d 'Write it to this file too, as a whole or not at all' -r -F
complete -c hostready -n "__fish_hostready_using_subcommand undo" -l color -d 'Colour the text' -r -f -a "auto\t''
always\t''
never\t''"
complete -c hostready -n "__fish_hostready_using_subcommand undo" -l fail-on -d 'From which verdict on the exit code is not 0' -r -f -a "block\t''
warn\t''
never\t''"
complete -c hostready -n "__fish_hostready_using_subcommand undo" -l exit-style -d 'Whose exit codes to use' -r -f -a "hostready\t''
nagios\t'0 ok, 1 warning, 2 critical, 3 unknown'"
complete -c hostready -n "__fish_hostready_using_subcommand undo" -l timeout -d 'Time for looking: what has not answered by then is unknown' -r
complete -c hostready -n "__fish_hostready_using_subcommand undo" -l config -d 'Read this configuration, and checks.d beside it [default: /etc/hostready/config.toml]' -r -F
complete -c hostready -n "__fish_hostready_using_subcommand undo" -l list -d 'Show the runs that there were, and take none back'
complete -c hostready -n "__fish_hostready_using_subcommand undo" -l json -d 'Short for --format json'
complete -c hostready -n "__fish_hostready_using_subcommand undo" -s q -l quiet -d 'One line a host'
complete -c hostready -n "__fish_hostready_using_subcommand undo" -s v -l verbose -d 'Show what passed and what was skipped, too'
complete -c hostready -n "__fish_hostready_using_subcommand undo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostready -n "__fish_hostready_using_subcommand explain" -l profile -d 'As it is in force on hosts of this profile; may be repeated' -r
complete -c hostready -n "__fish_hostready_using_subcommand explain" -l format -d 'How to print it' -r -f -a "text\t'For a person'
json\t'One document for a program'"
complete -c hostready -n "__fish_hostready_using_subcommand explain" -l config -d 'Read this configuration, and checks.d beside it [default: /etc/hostready/config.toml]' -r -F
complete -c hostready -n "__fish_hostready_using_subcommand explain" -l json -d 'Short for --format json'
complete -c hostready -n "__fish_hostready_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostready -n "__fish_hostready_using_subcommand bundle" -l output -d 'The file to write, readable by its owner alone; `-` for stdout' -r -F
complete -c hostready -n "__fish_hostready_using_subcommand bundle" -l for -d 'What the host is wanted fit for' -r -f -a "agent\t'New agent packages'
os\t'An OS release upgrade'
reboot\t'Upgraded and not yet rebooted'"
complete -c hostready -n "__fish_hostready_using_subcommand bundle" -l profile -d 'Use this profile in place of detection; may be repeated' -r
complete -c hostready -n "__fish_hostready_using_subcommand bundle" -l only -d 'Ask only checks whose id matches, `*` stands for anything; may be repeated' -r
complete -c hostready -n "__fish_hostready_using_subcommand bundle" -l skip -d 'Leave out checks whose id matches; may be repeated' -r
complete -c hostready -n "__fish_hostready_using_subcommand bundle" -l timeout -d 'Time for looking: what has not answered by then is unknown' -r
complete -c hostready -n "__fish_hostready_using_subcommand bundle" -l config -d 'Read this configuration, and checks.d beside it [default: /etc/hostready/config.toml]' -r -F
complete -c hostready -n "__fish_hostready_using_subcommand bundle" -l drained -d 'No guest may be left running'
complete -c hostready -n "__fish_hostready_using_subcommand bundle" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostready -n "__fish_hostready_using_subcommand schema" -s h -l help -d 'Print help'
complete -c hostready -n "__fish_hostready_using_subcommand completions" -s h -l help -d 'Print help'
complete -c hostready -n "__fish_hostready_using_subcommand man" -s h -l help -d 'Print help'
