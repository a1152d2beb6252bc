# Generated: courser help --format=bash
# shellcheck shell=bash disable=SC2207
_courser() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words=
	if ((COMP_CWORD == 1)); then
		COMPREPLY=($(compgen -W 'run register verify unregister list exec eval status cancel redact doctor policy version --help --version' -- "$word"))
		return
	fi
	case ${COMP_WORDS[1]} in
	run) words='--config --state --override --help' ;;
	register) words='--url --token-file --forge --name --labels --ephemeral --offline --config --state --tls-ca-file --tls-cert-file --tls-key-file --proxy --description --tags --run-untagged --locked --paused --access-level --maximum-timeout --help' ;;
	verify) words='--config --state --name --help' ;;
	unregister) words='--config --state --name --all --help' ;;
	list) words='--config --json --help' ;;
	exec) words='--payload --result --state --config --override --help' ;;
	eval) words='--context --help' ;;
	status) words='--state --json --help' ;;
	cancel) words='--state --all --abort --help' ;;
	redact) words='--secrets --help' ;;
	doctor) words='--config --state --json --help' ;;
	policy) words='--config --name --payload --help' ;;
	version) words='--help' ;;
	esac
	if [[ $word == -* ]]; then
		COMPREPLY=($(compgen -W "$words" -- "$word"))
	elif [[ $before == -* || $before == '=' ]]; then
		COMPREPLY=($(compgen -f -- "${word#=}"))
	fi
}
complete -o filenames -F _courser courser
