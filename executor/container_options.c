#include "executor/container_options.h"

#include "base/buf.h"
#include "base/str.h"
#include "executor/words.h"

#include <errno.h>
#include <string.h>

enum { IGNORED_MAX = 4096, RETRIES_MAX = 100000, UNITS_MS = 1000 };

/* A parse under way. The lists have room for every word. */
struct parsing {
	struct container_options *to;
	struct arena *a;
	struct job_var *env;
	const char **volumes, **names;
	struct buf ignored;
};

typedef int option_take(struct parsing *p, const char *value, struct err *e);

/* take NULL: it has no effect here. */
struct option_row {
	const char *name;
	char letter;
	bool flag; /* it has no value */
	option_take *take;
};

/* --- what counts ---------------------------------------------------------------------------------- */

static int take_user(struct parsing *p, const char *value, struct err *e)
{
	(void)e;
	p->to->user = value;
	return 0;
}

static int take_workdir(struct parsing *p, const char *value, struct err *e)
{
	p->to->workdir = value;
	return value[0] == '/' ? 0 : err_set(e, EINVAL, "\"%.80s\" is no absolute path", value);
}

static int take_platform(struct parsing *p, const char *value, struct err *e)
{
	(void)e;
	p->to->platform = value;
	return 0;
}

static int take_entrypoint(struct parsing *p, const char *value, struct err *e)
{
	(void)e;
	p->to->entrypoint = value;
	p->to->has_entrypoint = true;
	return 0;
}

/* Without a value it would be the runner's own, which is for nobody. */
static int take_env(struct parsing *p, const char *value, struct err *e)
{
	const char *is = strchr(value, '=');
	if (!is)
		return 0;
	struct job_var *v = &p->env[p->to->nenv++];
	*v = (struct job_var){ .key = arena_strndup(p->a, value, (size_t)(is - value), e),
			       .value = is + 1,
			       .raw = true };
	if (!v->key)
		return -1;
	return is > value ? 0 : err_set(e, EINVAL, "\"%.80s\" has no name", value);
}

static int take_volume(struct parsing *p, const char *value, struct err *e)
{
	(void)e;
	p->volumes[p->to->nvolumes++] = value;
	return 0;
}

/* PATH[:OPTIONS] */
static int take_tmpfs(struct parsing *p, const char *value, struct err *e)
{
	const char *path = arena_strndup(p->a, value, strcspn(value, ":"), e);
	return path ? take_volume(p, path, e) : -1;
}

static int take_name(struct parsing *p, const char *value, struct err *e)
{
	(void)e;
	p->names[p->to->nnames++] = value;
	return 0;
}

static int take_command(struct parsing *p, const char *value, struct err *e)
{
	(void)e;
	p->to->health.command = value;
	return 0;
}

static int take_no_check(struct parsing *p, const char *value, struct err *e)
{
	(void)value;
	return take_command(p, "", e);
}

/* 0 leaves what is usual. */
static int take_time(const char *value, uint64_t *ret_ms, struct err *e)
{
	uint64_t ms;
	if (!str_duration(value, UNITS_MS, &ms))
		return err_set(e, EINVAL, "\"%.40s\" is no duration like 10s", value);
	if (ms)
		*ret_ms = ms;
	return 0;
}

static int take_interval(struct parsing *p, const char *value, struct err *e)
{
	return take_time(value, &p->to->health.interval_ms, e);
}

static int take_timeout(struct parsing *p, const char *value, struct err *e)
{
	return take_time(value, &p->to->health.timeout_ms, e);
}

static int take_start(struct parsing *p, const char *value, struct err *e)
{
	return take_time(value, &p->to->health.start_ms, e);
}

static int take_retries(struct parsing *p, const char *value, struct err *e)
{
	uint64_t n;
	if (!str_u64(value, RETRIES_MAX, &n))
		return err_set(e, EINVAL, "\"%.40s\" is no number of tries", value);
	if (n)
		p->to->health.retries = (unsigned)n;
	return 0;
}

static const struct option_row rows[] = {
	{ "entrypoint", 0, false, take_entrypoint },
	{ "env", 'e', false, take_env },
	{ "health-cmd", 0, false, take_command },
	{ "health-interval", 0, false, take_interval },
	{ "health-retries", 0, false, take_retries },
	{ "health-start-period", 0, false, take_start },
	{ "health-timeout", 0, false, take_timeout },
	{ "name", 0, false, take_name },
	{ "network-alias", 0, false, take_name },
	{ "net-alias", 0, false, take_name },
	{ "no-healthcheck", 0, true, take_no_check },
	{ "platform", 0, false, take_platform },
	{ "tmpfs", 0, false, take_tmpfs },
	{ "user", 'u', false, take_user },
	{ "volume", 'v', false, take_volume },
	{ "workdir", 'w', false, take_workdir },
	{ "add-host", 0, false, NULL },
	{ "annotation", 0, false, NULL },
	{ "cap-add", 0, false, NULL },
	{ "cap-drop", 0, false, NULL },
	{ "cgroup-parent", 0, false, NULL },
	{ "cgroupns", 0, false, NULL },
	{ "cpu-period", 0, false, NULL },
	{ "cpu-quota", 0, false, NULL },
	{ "cpu-shares", 'c', false, NULL },
	{ "cpus", 0, false, NULL },
	{ "cpuset-cpus", 0, false, NULL },
	{ "detach", 'd', true, NULL },
	{ "device", 0, false, NULL },
	{ "dns", 0, false, NULL },
	{ "dns-option", 0, false, NULL },
	{ "dns-search", 0, false, NULL },
	{ "env-file", 0, false, NULL },
	{ "expose", 0, false, NULL },
	{ "gpus", 0, false, NULL },
	{ "group-add", 0, false, NULL },
	{ "health-start-interval", 0, false, NULL },
	{ "hostname", 'h', false, NULL },
	{ "init", 0, true, NULL },
	{ "interactive", 'i', true, NULL },
	{ "ip", 0, false, NULL },
	{ "ipc", 0, false, NULL },
	{ "label", 'l', false, NULL },
	{ "log-driver", 0, false, NULL },
	{ "log-opt", 0, false, NULL },
	{ "memory", 'm', false, NULL },
	{ "memory-reservation", 0, false, NULL },
	{ "memory-swap", 0, false, NULL },
	{ "mount", 0, false, NULL },
	{ "network", 0, false, NULL },
	{ "net", 0, false, NULL },
	{ "oom-kill-disable", 0, true, NULL },
	{ "oom-score-adj", 0, false, NULL },
	{ "pid", 0, false, NULL },
	{ "pids-limit", 0, false, NULL },
	{ "privileged", 0, true, NULL },
	{ "publish", 'p', false, NULL },
	{ "publish-all", 'P', true, NULL },
	{ "pull", 0, false, NULL },
	{ "quiet", 'q', true, NULL },
	{ "read-only", 0, true, NULL },
	{ "restart", 0, false, NULL },
	{ "rm", 0, true, NULL },
	{ "runtime", 0, false, NULL },
	{ "security-opt", 0, false, NULL },
	{ "shm-size", 0, false, NULL },
	{ "stop-signal", 0, false, NULL },
	{ "stop-timeout", 0, false, NULL },
	{ "sysctl", 0, false, NULL },
	{ "tty", 't', true, NULL },
	{ "ulimit", 0, false, NULL },
	{ "userns", 0, false, NULL },
	{ "uts", 0, false, NULL },
};

/* --- the words ------------------------------------------------------------------------------------ */

static const struct option_row *find(const char *name, size_t n, char letter)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (letter ? rows[i].letter == letter
			   : strlen(rows[i].name) == n && strncmp(rows[i].name, name, n) == 0)
			return &rows[i];
	return NULL;
}

static int ignore(struct parsing *p, const struct option_row *r, struct err *e)
{
	return buf_printf(&p->ignored, e, "%s--%s", p->ignored.len ? ", " : "", r->name);
}

/* One option whose value, if it has one, is given or the next word. words: those behind it. */
static int take(struct parsing *p, const struct option_row *r, const char *value,
		const char ***words, struct err *e)
{
	if (!r->flag && !value)
		value = *(*words) ? *(*words)++ : NULL;
	if (!r->flag && !value)
		return err_set(e, EINVAL, "--%s has no value", r->name);
	if (!r->take)
		return ignore(p, r, e);
	return r->take(p, value ? value : "", e) < 0 ? err_wrap(e, "--%s", r->name) : 0;
}

/* "--name", "--name=value" */
static int take_long(struct parsing *p, const char *word, const char ***words, struct err *e)
{
	size_t n = strcspn(word + 2, "=");
	const struct option_row *r = find(word + 2, n, '\0');
	if (!r)
		return err_set(e, EINVAL, "%.*s is no option of a container",
			       (int)(n > 78 ? 80 : n + 2), word);
	return take(p, r, word[2 + n] ? word + 2 + n + 1 : NULL, words, e);
}

/* "-u", "-uvalue", "-it" */
static int take_short(struct parsing *p, const char *word, const char ***words, struct err *e)
{
	for (const char *s = word + 1; *s; s++) {
		const struct option_row *r = find("", 0, *s);
		const char *value = s[1] ? s + 1 + (s[1] == '=') : NULL;
		if (!r)
			return err_set(e, EINVAL, "-%c is no option of a container", *s);
		if (take(p, r, r->flag ? NULL : value, words, e) < 0)
			return -1;
		if (!r->flag)
			return 0;
	}
	return 0;
}

static int take_all(struct parsing *p, const char **words, struct err *e)
{
	while (*words) {
		const char *word = *words++;
		if (word[0] != '-' || !word[1])
			return err_set(e, EINVAL, "\"%.80s\" is no option", word);
		if ((word[1] == '-' ? take_long(p, word, &words, e)
				    : take_short(p, word, &words, e)) < 0)
			return -1;
	}
	return 0;
}

int container_options_parse(const char *text, struct arena *a, struct container_options *ret,
			    struct err *e)
{
	const char *list[CONTAINER_WORDS + 1];
	struct words words = { .list = list, .max = CONTAINER_WORDS };
	*ret = (struct container_options){
		.user = "",
		.workdir = "",
		.platform = "",
		.entrypoint = "",
		.health = { "", 30 * 1000, 30 * 1000, 0, 3 },
		.ignored = "",
	};
	if (words_split(text, a, &words, e) < 0)
		return err_wrap(e, "options");
	struct parsing p = {
		.to = ret,
		.a = a,
		.env = arena_array(a, words.n + 1, sizeof *p.env, e),
		.volumes = arena_array(a, words.n + 1, sizeof *p.volumes, e),
		.names = arena_array(a, words.n + 1, sizeof *p.names, e),
		.ignored = BUF(IGNORED_MAX),
	};
	if (!p.env || !p.volumes || !p.names)
		return -1;
	ret->env = p.env;
	ret->volumes = p.volumes;
	ret->names = p.names;
	int r = take_all(&p, list, e) < 0 ? err_wrap(e, "options") : 0;
	if (r == 0)
		ret->ignored = arena_strdup(a, buf_cstr(&p.ignored), e);
	buf_done(&p.ignored);
	return r < 0 || !ret->ignored ? -1 : 0;
}
