/* courser exec. */
#include "runner/cmd.h"
#include "runner/exec.h"

#include <stdlib.h>
#include <sysexits.h>

int cmd_exec(const struct command_line *l, struct err *e)
{
	autobuf state = BUF(4096);
	bool success = false;
	struct exec_options o = {
		.payload = command_value(l, "payload"),
		.result = command_value(l, "result"),
		.id_base = PRIV_ID_BASE,
		.settings = {
			.runner_name = "local", .short_token = "exec", .system_id = "s_local",
			.server_url = "", .shell = "bash", .builds_dir = "/builds",
			.network = "host", .environment = "", .feature_flags = "",
			.pre_get_sources = "", .post_get_sources = "", .pre_build = "",
			.post_build = "", .notes = "", .ca_file = "", .output_limit = 4 << 20,
			.cancel_int_ms = 7500, .cancel_term_ms = 2500, .drain_ms = 2000,
		},
		.slot = { .net = SANDBOX_NET_HOST, .http_settings = "", .vault_settings = "" },
	};
	if (cmd_state(l, &state, e) < 0)
		return EX_OSERR;
	o.state_dir = buf_cstr(&state);
	if (exec_run(&o, &success, e) < 0)
		return EX_OSERR;
	return success ? EX_OK : CMD_JOB_FAILED;
}
