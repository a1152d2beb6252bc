#include "executor/vars_default.h"

#include "base/str.h"
#include "executor/flags.h"

#include <stdio.h>
#include <string.h>

struct fixed {
	const char *key, *value;
};

static int set_all(struct vars *v, const struct fixed *rows, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (vars_set(v, rows[i].key, rows[i].value, VAR_PUBLIC | VAR_RAW, e) < 0)
			return -1;
	return 0;
}

int vars_environment(struct vars *v, const char *lines, struct err *e)
{
	while (*lines) {
		size_t n = strcspn(lines, "\n"), key = strcspn(lines, "=\n");
		autobuf b = BUF(1 << 20);
		if (buf_add(&b, lines, n, e) < 0)
			return -1;
		if (key < n) {
			b.p[key] = '\0';
			if (vars_set(v, b.p, b.p + key + 1, VAR_PUBLIC, e) < 0)
				return err_wrap(e, "environment");
		}
		lines += n + (lines[n] == '\n');
	}
	return 0;
}

static int set_own(struct vars *v, const struct vars_facts *f, struct err *e)
{
	char concurrent[STR_NUM], project[STR_NUM], timeout[STR_NUM], env_file[512];
	snprintf(env_file, sizeof env_file, "%s/gitlab_runner_env", f->temp_dir);
	const struct fixed rows[] = {
		{ "CI_BUILDS_DIR", f->builds_dir },
		{ "CI_PROJECT_DIR", f->project_dir },
		{ "CI_CONCURRENT_ID", str_num(concurrent, f->concurrent_id) },
		{ "CI_CONCURRENT_PROJECT_ID", str_num(project, f->concurrent_project_id) },
		{ "CI_SERVER", "yes" },
		{ "CI_JOB_STATUS", "running" },
		{ "CI_JOB_TIMEOUT", str_num(timeout, f->timeout_s) },
		{ "CI_RUNNER_SHORT_TOKEN", f->short_token },
		{ "RUNNER_TEMP_PROJECT_DIR", f->temp_dir },
		{ "GITLAB_ENV", env_file },
	};
	if (set_all(v, rows, sizeof rows / sizeof *rows, e) < 0)
		return -1;
	if (!f->tls_ca[0])
		return 0;
	return vars_set(v, "CI_SERVER_TLS_CA_FILE", f->tls_ca, VAR_PUBLIC | VAR_RAW | VAR_FILE, e);
}

static int set_last(struct vars *v, const struct vars_facts *f, struct err *e)
{
	const struct fixed rows[] = {
		{ "CI_PROJECT_DIR", f->project_dir },
		{ "RUNNER_TEMP_PROJECT_DIR", f->temp_dir },
		{ "CI_DISPOSABLE_ENVIRONMENT", "true" },
		{ "CI_RUNNER_VERSION", f->version },
		{ "CI_RUNNER_REVISION", f->version },
#if defined(__aarch64__)
		{ "CI_RUNNER_EXECUTABLE_ARCH", "linux/arm64" },
#else
		{ "CI_RUNNER_EXECUTABLE_ARCH", "linux/amd64" },
#endif
	};
	return set_all(v, rows, sizeof rows / sizeof *rows, e);
}

int vars_default(struct vars *v, const struct job *job, const struct vars_facts *f, struct err *e)
{
	if (flags_define(v, e) < 0 || vars_environment(v, f->environment, e) < 0 ||
	    set_own(v, f, e) < 0)
		return -1;
	for (size_t i = 0; i < job->nvars; i++)
		if (vars_add(v, &job->vars[i], e) < 0)
			return -1;
	return set_last(v, f, e);
}

/* --- a login ------------------------------------------------------------------------------------- */

/* The environment of a login without one: nothing of the daemon's own leaks in. */
static const struct fixed base_env[] = {
	{ "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
	{ "HOME", "/home/job" },
	{ "USER", "job" },
	{ "LOGNAME", "job" },
	{ "SHELL", "/bin/sh" },
	{ "LANG", "C.UTF-8" },
};

int vars_login(struct vars *vars, struct err *e)
{
	return set_all(vars, base_env, sizeof base_env / sizeof *base_env, e);
}

bool vars_is_login(const char *key, const char *value)
{
	for (size_t i = 0; i < sizeof base_env / sizeof *base_env; i++)
		if (strcmp(base_env[i].key, key) == 0)
			return strcmp(base_env[i].value, value) == 0;
	return false;
}
