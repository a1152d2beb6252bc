/* courser run. */
#include "base/log.h"
#include "runner/cmd.h"
#include "runner/config.h"
#include "runner/supervisor.h"

#include <sysexits.h>

int cmd_run(const struct command_line *l, struct err *e)
{
	struct arena a = ARENA(64 << 10);
	const struct command_given *given = command_values(l, "override");
	struct supervisor_options o = {
		.config_path = command_value(l, "config"),
		.state_dir = command_value(l, "state"),
		.overrides = given->values,
		.noverrides = given->n,
	};
	log_setup("supervisor");
	if (!o.config_path)
		o.config_path = config_default_path(&a, e);
	bool config = false;
	int r = o.config_path ? supervisor_run(&o, &config, e) : -1;
	arena_done(&a);
	if (r == 0)
		return EX_OK;
	return config ? EX_CONFIG : EX_OSERR;
}
