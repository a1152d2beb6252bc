/* courser exec. */
#include "runner/cmd.h"
#include "runner/config_keys.h"
#include "runner/exec.h"
#include "runner/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { ERRORS_BYTES = 256 << 10 };

/* Where no configuration is given: a registration of the defaults. */
static const char nobody[] = "runners:\n- {name: local, url: 'http://localhost', token: exec}\n";

struct setup {
	struct arena arena;
	const struct config *config;
	struct registry_row row;
};

static const struct config *load(struct setup *s, const char *path, const char *const *overrides,
				 struct config_errors *errors, struct err *e)
{
	const struct config_source source = { "-", nobody, sizeof nobody - 1, overrides };
	if (!path)
		return config_parse(&source, &s->arena, errors, e);
	const struct config *c = config_load(path, overrides, &s->arena, errors, e);
	if (c && c->nrunners == 0) {
		err_set(e, ENOENT, "%s: it has no registration", path);
		return NULL;
	}
	return c;
}

/* A key of a registration needs no "runners.0." here. */
static const char * override(struct setup *s, const char *given, struct err *e)
{
	char key[64];
	size_t n = strcspn(given, "=");
	if (n >= sizeof key)
		return given;
	memcpy(key, given, n);
	key[n] = '\0';
	if (config_key_find(&config_file_level, key) || !config_key_find(&config_runner_level, key))
		return given;
	return arena_printf(&s->arena, e, "runners.0.%s", given);
}

/* What the first registration says. -1: what is wrong has been written to standard error. */
static int set_up(struct setup *s, const struct command_line *l, struct err *e)
{
	const struct command_given *given = command_values(l, "override");
	const char *path = command_value(l, "config");
	autobuf text = BUF(ERRORS_BYTES);
	struct err ignored = { 0 };
	struct config_errors *errors = calloc(1, sizeof *errors);
	const char **overrides = arena_array(&s->arena, given->n + 1, sizeof *overrides, e);
	if (!errors || !overrides) {
		free(errors);
		return err_set(e, ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < given->n; i++)
		overrides[i] = override(s, given->values[i], e);
	s->config = load(s, path, overrides, errors, e);
	if (errors->n && config_errors_text(errors, path ? path : "-", &text, &ignored) == 0)
		fputs(buf_cstr(&text), stderr);
	free(errors);
	if (!s->config)
		return -1;
	return registry_row_fill(&s->row, s->config, &s->config->runners[0], &s->arena, e);
}

static int execute(struct setup *s, const struct command_line *l, struct err *e)
{
	autobuf state = BUF(4096);
	bool success = false;
	struct exec_options o = {
		.payload = command_value(l, "payload"),
		.result = command_value(l, "result"),
		.cache_dir = s->config->cache_dir,
		.id_base = (uint32_t)s->config->id_base,
		.cgroup = s->config->cgroup,
		.settings = s->row.settings,
		.slot = s->row.slot,
	};
	o.settings.short_token = "exec";
	o.settings.system_id = "s_local";
	o.settings.server_url = "";
	o.settings.alone = 1;
	if (cmd_state(l, &state, e) < 0)
		return EX_OSERR;
	o.state_dir = buf_cstr(&state);
	if (exec_run(&o, &success, e) < 0)
		return EX_OSERR;
	return success ? EX_OK : CMD_JOB_FAILED;
}

int cmd_exec(const struct command_line *l, struct err *e)
{
	struct setup s = { .arena = ARENA(CONFIG_ARENA_MAX) };
	int status = set_up(&s, l, e) < 0 ? EX_CONFIG : execute(&s, l, e);
	arena_done(&s.arena);
	return status;
}
