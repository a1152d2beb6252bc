/* The command. */
#include "base/log.h"
#include "base/str.h"
#include "runner/exec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 64, EXIT_SYSTEM = 71 };

static int exec_verb(int argc, char **argv)
{
	struct err e = { 0 };
	autobuf state = BUF(4096);
	bool success = false;
	struct exec_options o = {
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
	for (int i = 2; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--payload") == 0)
			o.payload = argv[i + 1];
		else if (strcmp(argv[i], "--result") == 0)
			o.result = argv[i + 1];
		else if (strcmp(argv[i], "--state") == 0)
			o.state_dir = argv[i + 1];
		else
			return EXIT_USAGE;
	}
	if (!o.payload)
		return EXIT_USAGE;
	if (!o.state_dir) {
		if (state_default_path(&state, &e) < 0)
			return EXIT_SYSTEM;
		o.state_dir = buf_cstr(&state);
	}
	if (exec_run(&o, &success, &e) < 0) {
		fprintf(stderr, "courser: error: %s\n", e.msg);
		return EXIT_SYSTEM;
	}
	return success ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	log_setup("courser", LOG_INFO);
	if (argc > 1 && strcmp(argv[1], "exec") == 0)
		return exec_verb(argc, argv);
	return EXIT_USAGE;
}
