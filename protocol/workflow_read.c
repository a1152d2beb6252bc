#include "protocol/workflow_read.h"

#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { RUNS_MAX = 256, MINUTES_MAX = 30 * 24 * 60 };

/* A reading under way. */
struct reading {
	struct arena *a;
	struct job_workflow *w;
	struct err *e;
};

static int fail(struct reading *r, const struct yaml_node *at, const char *what)
{
	return err_set(r->e, EINVAL, "%u:%u: %s", at->line, at->col, what);
}

/* The first thing that cannot be done is what is said. */
static int refuse(struct reading *r, const struct yaml_node *at, const char *what)
{
	if (*r->w->refusal)
		return 0;
	r->w->refusal = arena_printf(r->a, r->e, "line %u, column %u: %s", at->line, at->col, what);
	return r->w->refusal ? 0 : -1;
}

/* An empty string and null stand for anything that is not there. */
static bool is_nothing(const struct yaml_node *v)
{
	return !v || v->kind == YAML_NULL || (v->kind == YAML_STR && !*v->text);
}

/* A mapping's member, NULL when it says nothing. */
static const struct yaml_node *member(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *v = map ? yaml_get(map, key) : NULL;
	return is_nothing(v) ? NULL : v;
}

static int take_text(struct reading *r, const struct yaml_node *map, const char *key,
		     struct job_text *ret)
{
	const struct yaml_node *v = map ? yaml_get(map, key) : NULL;
	*ret = (struct job_text){ .text = "" };
	if (!v || v->kind == YAML_NULL)
		return 0;
	if (v->kind >= YAML_LIST)
		return fail(r, v, "a text is expected");
	*ret = (struct job_text){ v->text, v->line, v->col };
	return 0;
}

static int take_env(struct reading *r, const struct yaml_node *map, struct job_env *ret)
{
	const struct yaml_node *v = member(map, "env");
	*ret = (struct job_env){ 0 };
	if (!v)
		return 0;
	if (v->kind != YAML_MAP)
		return fail(r, v, "env is expected to be a mapping");
	struct job_pair *pairs = arena_array(r->a, v->count, sizeof *pairs, r->e);
	if (!pairs)
		return -1;
	for (size_t i = 0; i < v->count; i++) {
		const struct yaml_node *value = v->pairs[i].value;
		if (value->kind >= YAML_LIST)
			return fail(r, value, "a text is expected");
		pairs[i].key = v->pairs[i].key->text;
		pairs[i].value = (struct job_text){ value->kind == YAML_NULL ? "" : value->text,
						    value->line, value->col };
	}
	*ret = (struct job_env){ pairs, v->count };
	return 0;
}

/* --- what this version does not do -------------------------------------------------------------- */

struct refused_key {
	const char *key, *why;
};

static const struct refused_key step_keys[] = {
	{ "uses", "`uses:` in a step is not supported yet: this version runs `run:` steps only" },
	{ "with", "`with:` in a step is not supported yet: this version runs `run:` steps only" },
};

static const struct refused_key job_keys[] = {
	{ "uses", "`uses:` of a job (a reusable workflow) is not supported yet" },
	{ "services", "`services:` are not supported yet" },
	{ "outputs", "`outputs:` of a job are not supported yet" },
};

static int refuse_keys(struct reading *r, const struct yaml_node *map,
		       const struct refused_key *keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct yaml_node *v = member(map, keys[i].key);
		if (v && refuse(r, v, keys[i].why) < 0)
			return -1;
	}
	return 0;
}

static const char *const shells[] = { "", "bash", "sh" };

static int check_shell(struct reading *r, const struct yaml_node *at, const struct job_text *shell)
{
	for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
		if (strcmp(shells[i], shell->text) == 0)
			return 0;
	return refuse(r, at, "a shell other than bash and sh is not supported yet");
}

/* Files and commands of the runner's that a script would find missing: better told before it runs. */
static const struct refused_key words[] = {
	{ "add-mask", "the command `::add-mask::` is not supported yet" },
	{ "set-output", "the command `::set-output::` is not supported yet" },
	{ "GITHUB_OUTPUT", "the file GITHUB_OUTPUT is not supported yet" },
	{ "GITEA_OUTPUT", "the file GITEA_OUTPUT is not supported yet" },
	{ "GITHUB_ENV", "the file GITHUB_ENV is not supported yet" },
	{ "GITEA_ENV", "the file GITEA_ENV is not supported yet" },
	{ "GITHUB_PATH", "the file GITHUB_PATH is not supported yet" },
	{ "GITHUB_STATE", "the file GITHUB_STATE is not supported yet" },
	{ "GITHUB_STEP_SUMMARY", "the file GITHUB_STEP_SUMMARY is not supported yet" },
};

static int refuse_words(struct reading *r, const struct yaml_node *run)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strstr(run->text, words[i].key) && refuse(r, run, words[i].why) < 0)
			return -1;
	return 0;
}

/* --- steps -------------------------------------------------------------------------------------- */

struct text_row {
	const char *key;
	size_t to;
};

static const struct text_row texts[] = {
	{ "name", offsetof(struct job_run, name) },
	{ "run", offsetof(struct job_run, run) },
	{ "if", offsetof(struct job_run, condition) },
	{ "shell", offsetof(struct job_run, shell) },
	{ "working-directory", offsetof(struct job_run, directory) },
	{ "timeout-minutes", offsetof(struct job_run, timeout) },
	{ "continue-on-error", offsetof(struct job_run, carry_on) },
};

static int take_step(struct reading *r, const struct yaml_node *v, struct job_run *ret)
{
	struct job_text id;
	if (v->kind != YAML_MAP)
		return fail(r, v, "a step is expected to be a mapping");
	*ret = (struct job_run){ .line = v->line, .col = v->col };
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (take_text(r, v, texts[i].key,
			      (struct job_text *)(void *)((char *)ret + texts[i].to)) < 0)
			return -1;
	if (take_text(r, v, "id", &id) < 0 || take_env(r, v, &ret->env) < 0 ||
	    refuse_keys(r, v, step_keys, sizeof step_keys / sizeof *step_keys) < 0)
		return -1;
	ret->id = id.text;
	const struct yaml_node *shell = member(v, "shell");
	if (shell && check_shell(r, shell, &ret->shell) < 0)
		return -1;
	if (!ret->run.line && !member(v, "uses"))
		return fail(r, v, "a step needs `run:` or `uses:`");
	return ret->run.line ? refuse_words(r, yaml_get(v, "run")) : 0;
}

static int take_steps(struct reading *r, const struct yaml_node *job)
{
	const struct yaml_node *v = member(job, "steps");
	if (!v)
		return member(job, "uses") ? 0 : fail(r, job, "the job has no steps");
	if (v->kind != YAML_LIST)
		return fail(r, v, "steps are expected to be a list");
	if (v->count > RUNS_MAX)
		return fail(r, v, "the job has more than 256 steps");
	struct job_run *runs = arena_array(r->a, v->count, sizeof *runs, r->e);
	if (!runs)
		return -1;
	for (size_t i = 0; i < v->count; i++)
		if (take_step(r, v->items[i], &runs[i]) < 0)
			return -1;
	r->w->runs = runs;
	r->w->nruns = v->count;
	return 0;
}

/* --- the job ------------------------------------------------------------------------------------ */

/* defaults.run: the job's keys before the workflow's. */
static int take_defaults(struct reading *r, const struct yaml_node *root,
			 const struct yaml_node *job)
{
	const struct yaml_node *levels[] = { root, job };
	r->w->shell = r->w->directory = (struct job_text){ .text = "" };
	for (size_t i = 0; i < 2; i++) {
		const struct yaml_node *run = member(member(levels[i], "defaults"), "run");
		struct job_text shell, directory;
		if (take_text(r, run, "shell", &shell) < 0 ||
		    take_text(r, run, "working-directory", &directory) < 0 ||
		    (shell.line && check_shell(r, run, &shell) < 0))
			return -1;
		r->w->shell = shell.line ? shell : r->w->shell;
		r->w->directory = directory.line ? directory : r->w->directory;
	}
	return 0;
}

static int take_timeout(struct reading *r, const struct yaml_node *job, unsigned *ret)
{
	const struct yaml_node *v = member(job, "timeout-minutes");
	uint64_t minutes;
	*ret = 0;
	if (!v)
		return 0;
	if (v->kind >= YAML_LIST || !str_u64(v->text, MINUTES_MAX, &minutes) || !minutes)
		return refuse(r, v,
			      "timeout-minutes of a job is not a whole number: not "
			      "supported yet");
	*ret = (unsigned)minutes * 60;
	return 0;
}

/* A text, or a list of them: what the server has evaluated. */
static int take_runs_on(struct reading *r, const struct yaml_node *job)
{
	const struct yaml_node *v = member(job, "runs-on");
	size_t n = !v ? 0 : v->kind == YAML_LIST ? v->count : 1;
	const char **labels = arena_array(r->a, n + 1, sizeof *labels, r->e);
	if (!labels)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct yaml_node *item = v->kind == YAML_LIST ? v->items[i] : v;
		if (item->kind >= YAML_LIST)
			return fail(r, item, "a label is expected");
		labels[i] = item->text;
	}
	r->w->runs_on = labels;
	r->w->nruns_on = n;
	return 0;
}

static const struct refused_key container_keys[] = {
	{ "credentials", "`credentials:` of a container are not supported yet" },
	{ "env", "`env:` of a container is not supported yet" },
	{ "ports", "`ports:` of a container are not supported yet" },
	{ "volumes", "`volumes:` of a container are not supported yet" },
	{ "options", "`options:` of a container are not supported yet" },
};

/* An image, or a mapping with one. */
static int take_container(struct reading *r, const struct yaml_node *job, const char **ret)
{
	const struct yaml_node *v = member(job, "container");
	const struct yaml_node *image = v && v->kind == YAML_MAP ? member(v, "image") : v;
	*ret = "";
	if (!v)
		return 0;
	if (!image || image->kind >= YAML_LIST)
		return fail(r, v, "container is expected to name an image");
	*ret = str_starts(image->text, "docker://") ? image->text + strlen("docker://")
						    : image->text;
	if (strchr(image->text, '$'))
		return refuse(r, image, "an expression in `container:` is not supported yet");
	return refuse_keys(r, v, container_keys, sizeof container_keys / sizeof *container_keys);
}

/* The one member of jobs. */
static const struct yaml_pair *job_of(struct reading *r, const struct yaml_node *root)
{
	const struct yaml_node *jobs = yaml_get(root, "jobs");
	if (root->kind != YAML_MAP || !jobs || jobs->kind != YAML_MAP || jobs->count != 1) {
		fail(r, jobs ? jobs : root, "one job is expected in jobs");
		return NULL;
	}
	if (jobs->pairs[0].value->kind == YAML_MAP)
		return &jobs->pairs[0];
	fail(r, jobs->pairs[0].value, "a job is expected to be a mapping");
	return NULL;
}

/* All of a job but its steps and what becomes of them. */
static int take_job(struct reading *r, const struct yaml_node *root, const struct yaml_node *job)
{
	if (take_text(r, job, "if", &r->w->condition) < 0 || take_env(r, root, &r->w->env[0]) < 0 ||
	    take_env(r, job, &r->w->env[1]) < 0 || take_defaults(r, root, job) < 0 ||
	    take_runs_on(r, job) < 0)
		return -1;
	return refuse_keys(r, job, job_keys, sizeof job_keys / sizeof *job_keys);
}

int workflow_read(const char *text, size_t n, struct arena *a, struct workflow_read *ret,
		  struct err *e)
{
	const struct yaml_node *root = yaml_read(text, n, a, e);
	struct reading r = { a, root ? arena_new(a, struct job_workflow, e) : NULL, e };
	if (!r.w)
		return -1;
	r.w->refusal = "";
	const struct yaml_pair *pair = job_of(&r, root);
	if (!pair)
		return -1;
	const struct yaml_node *job = pair->value;
	struct job_text name;
	const char *image;
	unsigned timeout_s;
	if (take_text(&r, job, "name", &name) < 0 || take_job(&r, root, job) < 0 ||
	    take_timeout(&r, job, &timeout_s) < 0 || take_container(&r, job, &image) < 0 ||
	    take_steps(&r, job) < 0)
		return -1;
	*ret = (struct workflow_read){
		.workflow = r.w,
		.key = pair->key->text,
		.name = *name.text ? name.text : pair->key->text,
		.image = image,
		.timeout_s = timeout_s,
		.matrix = member(member(job, "strategy"), "matrix"),
	};
	return 0;
}

/* --- the matrix --------------------------------------------------------------------------------- */

static int put_json(struct buf *out, const struct yaml_node *v, struct err *e);

static int put_map(struct buf *out, const struct yaml_node *v, struct err *e)
{
	for (size_t i = 0; i < v->count; i++) {
		const char *key = v->pairs[i].key->text;
		if (buf_char(out, i ? ',' : '{', e) < 0 || str_json(out, key, strlen(key), e) < 0 ||
		    buf_char(out, ':', e) < 0 || put_json(out, v->pairs[i].value, e) < 0)
			return -1;
	}
	return buf_str(out, v->count ? "}" : "{}", e);
}

static int put_list(struct buf *out, const struct yaml_node *v, struct err *e)
{
	for (size_t i = 0; i < v->count; i++)
		if (buf_char(out, i ? ',' : '[', e) < 0 || put_json(out, v->items[i], e) < 0)
			return -1;
	return buf_str(out, v->count ? "]" : "[]", e);
}

/* Whether text is a number as JSON writes one: YAML has more forms, which stay texts. */
static bool is_json_number(const char *s)
{
	s += *s == '-';
	size_t digits = strspn(s, "0123456789");
	if (!digits || (*s == '0' && digits > 1))
		return false;
	s += digits;
	if (*s == '.') {
		digits = strspn(s + 1, "0123456789");
		if (!digits)
			return false;
		s += 1 + digits;
	}
	return *s == '\0';
}

static int put_json(struct buf *out, const struct yaml_node *v, struct err *e)
{
	bool truth;
	if (v->kind == YAML_MAP)
		return put_map(out, v, e);
	if (v->kind == YAML_LIST)
		return put_list(out, v, e);
	if (v->kind == YAML_NULL)
		return buf_str(out, "null", e);
	if (v->kind == YAML_BOOL && str_bool(v->text, &truth))
		return buf_str(out, truth ? "true" : "false", e);
	if ((v->kind == YAML_INT || v->kind == YAML_FLOAT) && is_json_number(v->text))
		return buf_str(out, v->text, e);
	return str_json(out, v->text, strlen(v->text), e);
}

static bool is_value(const struct yaml_pair *p)
{
	return strcmp(p->key->text, "include") != 0 && strcmp(p->key->text, "exclude") != 0;
}

static int put_member(struct buf *out, const struct yaml_pair *p, struct err *e)
{
	const struct yaml_node *v = p->value;
	const char *key = p->key->text;
	if (v->kind == YAML_LIST && v->count == 1)
		v = v->items[0];
	if ((out->p[out->len - 1] != '{' && buf_char(out, ',', e) < 0) ||
	    str_json(out, key, strlen(key), e) < 0 || buf_char(out, ':', e) < 0)
		return -1;
	return put_json(out, v, e);
}

int workflow_matrix_json(const struct yaml_node *matrix, struct buf *out, struct err *e)
{
	size_t n = matrix && matrix->kind == YAML_MAP ? matrix->count : 0;
	if (buf_char(out, '{', e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (is_value(&matrix->pairs[i]) && put_member(out, &matrix->pairs[i], e) < 0)
			return -1;
	return buf_char(out, '}', e);
}
