#compdef courser
# Generated: courser help --format=zsh
if ((CURRENT == 2)); then
	local -a verbs=(
		'run:Run the daemon\: ask for jobs and run them'
		'register:Check a token with its coordinator and add a registration'
		'verify:Ask the coordinators whether the tokens are valid'
		'unregister:Take registrations back at their coordinators and out of the configuration'
		'list:Show the registrations of the configuration, without their tokens'
		'exec:Run one job from a file, with no coordinator and no daemon'
		'eval:Evaluate an expression of a workflow and print its value as JSON'
		'status:Show what the daemon is doing'
		'cancel:Cancel a job of the daemon, by its number'
		'redact:Mask standard input to standard output as a job'\''s log is masked'
		'doctor:Check whether this host can run jobs'
		'policy:Show the effective rights of jobs on this host'
		'version:Show the version'
	)
	_describe command verbs
	return
fi
local verb=${words[2]}
shift words
((CURRENT--))
case $verb in
	run)
		_arguments \
			'--config=[the configuration; default /etc/courser/config.yaml for root, else $XDG_CONFIG_HOME/courser/config.yaml]:FILE:_files' \
			'--state=[the state directory; default /var/lib/courser for root, else $XDG_STATE_HOME/courser]:DIR:_files -/' \
			'*--override=[outweigh a key of the configuration]:KEY=VALUE: ' \
			'--help[show this and exit]'
		;;
	register)
		_arguments \
			'--url=[the coordinator]:URL: ' \
			'--token-file=[where the token is; - is standard input; a bare name may be a systemd credential]:FILE:_files' \
			'--forge=[what kind of coordinator it is\: gitlab, gitea or forgejo; default\: gitlab]:KIND: ' \
			'--name=[what it is called here; default\: the host'\''s name]:NAME: ' \
			'--labels=[gitea, forgejo\: what workflows name in runs-on, each NAME, NAME\:host or NAME\:docker\://IMAGE]:A,B: ' \
			'--ephemeral[gitea, forgejo\: for one job; the server deletes the runner after it]' \
			'--offline[forgejo\: the token file holds the secret of an offline registration]' \
			'--config=[the configuration; default /etc/courser/config.yaml for root, else $XDG_CONFIG_HOME/courser/config.yaml]:FILE:_files' \
			'--state=[the state directory; default /var/lib/courser for root, else $XDG_STATE_HOME/courser]:DIR:_files -/' \
			'--tls-ca-file=[who vouches for the coordinator]:FILE:_files' \
			'--tls-cert-file=[our certificate]:FILE:_files' \
			'--tls-key-file=[our certificate'\''s key]:FILE:_files' \
			'--proxy=[the way to the coordinator]:URL: ' \
			'--description=[legacy tokens\: what it is called there]:TEXT: ' \
			'--tags=[legacy tokens\: its tags]:A,B: ' \
			'--run-untagged[legacy tokens\: take jobs without tags too]' \
			'--locked[legacy tokens\: for its project only]' \
			'--paused[legacy tokens\: begin paused]' \
			'--access-level=[legacy tokens\: not_protected or ref_protected]:LEVEL: ' \
			'--maximum-timeout=[legacy tokens\: no job may take longer]:TIME: ' \
			'--help[show this and exit]'
		;;
	verify)
		_arguments \
			'--config=[the configuration; default /etc/courser/config.yaml for root, else $XDG_CONFIG_HOME/courser/config.yaml]:FILE:_files' \
			'--state=[the state directory; default /var/lib/courser for root, else $XDG_STATE_HOME/courser]:DIR:_files -/' \
			'--name=[the registration of that name]:NAME: ' \
			'--help[show this and exit]'
		;;
	unregister)
		_arguments \
			'--config=[the configuration; default /etc/courser/config.yaml for root, else $XDG_CONFIG_HOME/courser/config.yaml]:FILE:_files' \
			'--state=[the state directory; default /var/lib/courser for root, else $XDG_STATE_HOME/courser]:DIR:_files -/' \
			'--name=[the registration of that name]:NAME: ' \
			'--all[every registration]' \
			'--help[show this and exit]'
		;;
	list)
		_arguments \
			'--config=[the configuration; default /etc/courser/config.yaml for root, else $XDG_CONFIG_HOME/courser/config.yaml]:FILE:_files' \
			'--json[print JSON, one object a line]' \
			'--help[show this and exit]'
		;;
	exec)
		_arguments \
			'--payload=[the job, in the wire format of jobs/request; - is standard input]:FILE:_files' \
			'--result=[where the result goes, as JSON]:FILE:_files' \
			'--state=[the state directory; default /var/lib/courser for root, else $XDG_STATE_HOME/courser]:DIR:_files -/' \
			'--config=[a configuration whose first registration says how the job runs; none\: the defaults]:FILE:_files' \
			'*--override=[outweigh a key of the configuration]:KEY=VALUE: ' \
			'--help[show this and exit]'
		;;
	eval)
		_arguments \
			'--context=[the contexts, a JSON object\: {"github"\: {...}, ...}; - is standard input]:FILE:_files' \
			'--help[show this and exit]'
		;;
	status)
		_arguments \
			'--state=[the state directory; default /var/lib/courser for root, else $XDG_STATE_HOME/courser]:DIR:_files -/' \
			'--json[print JSON, one object a line]' \
			'--help[show this and exit]'
		;;
	cancel)
		_arguments \
			'--state=[the state directory; default /var/lib/courser for root, else $XDG_STATE_HOME/courser]:DIR:_files -/' \
			'--all[every job that runs]' \
			'--abort[end it at once\: no after_script, no patience]' \
			'--help[show this and exit]'
		;;
	redact)
		_arguments \
			'--secrets=[what to mask\: a JSON array of strings]:FILE:_files' \
			'--help[show this and exit]'
		;;
	doctor)
		_arguments \
			'--config=[the configuration; default /etc/courser/config.yaml for root, else $XDG_CONFIG_HOME/courser/config.yaml]:FILE:_files' \
			'--state=[the state directory; default /var/lib/courser for root, else $XDG_STATE_HOME/courser]:DIR:_files -/' \
			'--json[print JSON, one object a line]' \
			'--help[show this and exit]'
		;;
	policy)
		_arguments \
			'--config=[the configuration; default /etc/courser/config.yaml for root, else $XDG_CONFIG_HOME/courser/config.yaml]:FILE:_files' \
			'--name=[the registration of that name]:NAME: ' \
			'--payload=[of a job in the server'\''s wire format\: its rights; - is standard input]:FILE:_files' \
			'--help[show this and exit]'
		;;
	version)
		_arguments \
			'--help[show this and exit]'
		;;
esac
