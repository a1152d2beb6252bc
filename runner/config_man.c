#include "runner/config_man.h"

#include "runner/command_text.h"
#include "runner/config_keys.h"

static const char head[] =
	".\\\" Generated: courser help --format=yaml\n"
	".Dd November 24, 2026\n"
	".Dt COURSER.YAML 5\n"
	".Os\n"
	".Sh NAME\n"
	".Nm courser.yaml\n"
	".Nd configuration of the CI job runner courser\n"
	".Sh DESCRIPTION\n"
	"One YAML file:\n"
	".Pa /etc/courser/config.yaml ,\n"
	"for a user\n"
	".Pa $XDG_CONFIG_HOME/courser/config.yaml .\n"
	"It is read at the start and on\n"
	".Dv SIGHUP ;\n"
	"one that is wrong is refused as a whole, each error with its file, line and\n"
	"column, and the old one stays in force.\n"
	"A key that is not known is an error.\n"
	"In a key\n"
	".Ql _\n"
	"and\n"
	".Ql -\n"
	"are the same; a key with a dot is in a mapping of its own.\n"
	".Pp\n"
	"Durations have units\n"
	".Pq Ql 1h30m , Ql 250ms ,\n"
	"a bare number counts seconds; sizes have units\n"
	".Pq Ql 4MiB .\n";

static const char tail[] = ".Sh EXAMPLES\n"
			   ".Bd -literal\n"
			   "concurrent: 4\n"
			   "runners:\n"
			   "  - name: build-1\n"
			   "    url: https://gitlab.example.com\n"
			   "    token_file: /etc/courser/token\n"
			   "    output_limit: 16MiB\n"
			   "    cancel: {int: 10s, term: 5s}\n"
			   "    profile_rules: {fork: stranger}\n"
			   "profiles:\n"
			   "  stranger:\n"
			   "    network: none\n"
			   "    isolation: strict\n"
			   "    limits: {memory: 2GiB, cpus: 2}\n"
			   ".Ed\n"
			   ".Sh SEE ALSO\n"
			   ".Em courser Ns (1) ,\n"
			   ".Em courser Ns (8)\n";

static void say_words(const struct config_key *k, struct command_text *t)
{
	command_say(t, "One of");
	for (size_t i = 0; k->words[i]; i++)
		command_say(t, "\n.Ql %s%s", k->words[i], k->words[i + 1] ? " ," : " .");
	command_say(t, "\n");
}

static void say_key(const struct config_key *k, struct command_text *t)
{
	command_say(t, ".It Ic %s\n", k->name);
	command_say_mdoc(t, k->doc);
	command_say(t, "\n");
	if (k->words)
		say_words(k, t);
	else
		command_say(t, "Its value is %s.\n", config_type_name(k->type));
	if (k->standard && k->standard[0])
		command_say(t, "Default:\n.Ql %s .\n", k->standard);
}

/* As it is described where it is a runner's. */
static void say_name(const struct config_key *k, struct command_text *t)
{
	command_say(t, ".It Ic %s\n", k->name);
}

static void say_level(const struct config_level *level,
		      void (*say)(const struct config_key *k, struct command_text *t),
		      struct command_text *t)
{
	command_say(t, ".Bl -tag -width Ds\n");
	for (size_t i = 0; i < level->n; i++)
		if (config_key_belongs(level, &level->keys[i]))
			say(&level->keys[i], t);
	command_say(t, ".El\n");
}

int config_man(const struct program *p, struct buf *out, struct err *e)
{
	struct command_text t = { out, e, false };
	(void)p;
	command_say(&t, "%s.Ss Keys of the file\n", head);
	say_level(&config_file_level, say_key, &t);
	command_say(&t, ".Ss Keys of each item of runners\n");
	say_level(&config_runner_level, say_key, &t);
	command_say(&t,
		    ".Ss Keys of each profile in profiles\n"
		    "A mapping of names to mappings; these keys of a runner may be in one.\n"
		    "What a profile does not name is as the runner says.\n"
		    "Where several profiles of a job name a key, the one that gives least wins:\n"
		    "the smaller limit, the stricter word, of lists what is in all.\n");
	say_level(&config_profile_level, say_name, &t);
	command_say(&t, "%s", tail);
	return command_said(&t);
}
