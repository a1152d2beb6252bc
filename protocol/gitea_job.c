#include "protocol/gitea_job.h"

#include "base/str.h"
#include "protocol/base64.h"
#include "protocol/gitea_identity.h"
#include "protocol/gitea_value.h"
#include "protocol/json.h"
#include "protocol/json_room.h"
#include "protocol/url.h"
#include "protocol/workflow_read.h"

#include <errno.h>
#include <string.h>

enum {
	TEXT_MAX = 8 << 20,
	TIMEOUT_S = 360 * 60, /* of a job that names none: GitHub's */
	CONTEXTS = 9,
	SHA256_HEX = 64,
};

/* A parse under way. */
struct parsing {
	struct arena *a;
	struct job *job;
	struct job_workflow *w;
	struct job_context *contexts;
	size_t n;
	struct err *e;
};

/* --- contexts ----------------------------------------------------------------------------------- */

static int add_context(struct parsing *p, const char *name, const char *json)
{
	if (!json)
		return -1;
	p->contexts[p->n++] = (struct job_context){ name, json };
	return 0;
}

/* An object of the payload as a context; absent is an empty one. */
static int add_object(struct parsing *p, const char *name, const json_t *v)
{
	char *text = json_is_object(v) ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	if (json_is_object(v) && !text)
		return err_set(p->e, ENOMEM, "out of memory");
	const char *copy = arena_strdup(p->a, text ? text : "{}", p->e);
	if (text) {
		explicit_bzero(text, strlen(text));
		json_text_free(text);
	}
	return add_context(p, name, copy);
}

/* "RESULT_SUCCESS" as needs.X.result has it: "success". */
static int mend_needs(json_t *needs, struct err *e)
{
	const char *key;
	json_t *need;
	json_object_foreach(needs, key, need)
	{
		char word[32] = "";
		const char *s = json_string_value(json_object_get(need, "result"));
		s = s && str_starts(s, "RESULT_") ? s + 7 : "";
		for (size_t i = 0; s[i] && i < sizeof word - 1; i++)
			word[i] = (char)(s[i] | 0x20);
		if (json_object_set_new(need, "result", json_string(word)) < 0)
			return err_set(e, EINVAL, "task.needs: not an object");
		if (!json_object_get(need, "outputs") &&
		    json_object_set_new(need, "outputs", json_object()) < 0)
			return err_set(e, ENOMEM, "out of memory");
	}
	return 0;
}

static int add_strategy(struct parsing *p, const struct yaml_node *strategy)
{
	autobuf matrix = BUF(TEXT_MAX);
	autobuf rest = BUF(TEXT_MAX);
	if (workflow_matrix_json(strategy, &matrix, p->e) < 0 ||
	    workflow_strategy_json(strategy, &rest, p->e) < 0)
		return -1;
	if (add_context(p, "matrix", arena_strdup(p->a, buf_cstr(&matrix), p->e)) < 0)
		return -1;
	return add_context(p, "strategy", arena_strdup(p->a, buf_cstr(&rest), p->e));
}

static int add_contexts(struct parsing *p, const json_t *task, const struct workflow_read *r)
{
	json_t *needs = json_object_get(task, "needs");
	const json_t *context = json_object_get(task, "context");
	p->contexts = arena_array(p->a, CONTEXTS, sizeof *p->contexts, p->e);
	if (!p->contexts || (needs && mend_needs(needs, p->e) < 0))
		return -1;
	if (add_object(p, "github", context) < 0 ||
	    add_object(p, "secrets", json_object_get(task, "secrets")) < 0 ||
	    add_object(p, "vars", json_object_get(task, "vars")) < 0 ||
	    add_object(p, "needs", needs) < 0 ||
	    add_object(p, "inputs", json_object_get(json_object_get(context, "event"), "inputs")) <
		    0 ||
	    add_strategy(p, r->strategy) < 0)
		return -1;
	p->w->contexts = p->contexts;
	p->w->ncontexts = p->n;
	return 0;
}

/* --- what must not be seen ---------------------------------------------------------------------- */

static int add_masks(struct parsing *p, const json_t *task)
{
	json_t *secrets = json_object_get(task, "secrets"), *v;
	const json_t *context = json_object_get(task, "context");
	const char *key, **masks;
	size_t n = 0;
	masks = arena_array(p->a, json_object_size(secrets) + 2, sizeof *masks, p->e);
	if (!masks)
		return -1;
	json_object_foreach(secrets, key, v)
	{
		if (json_is_string(v))
			masks[n++] = json_string_value(v);
	}
	static const char *const tokens[] = { "gitea_runtime_token",
					      "actions_id_token_request_token" };
	for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
		const char *s = json_string_value(json_object_get(context, tokens[i]));
		if (s)
			masks[n++] = s;
	}
	for (size_t i = 0; i < n; i++) {
		masks[i] = arena_strdup(p->a, masks[i], p->e);
		if (!masks[i])
			return -1;
	}
	p->job->masks = masks;
	p->job->nmasks = n;
	return 0;
}

/* --- the job ------------------------------------------------------------------------------------ */

/* What of a task is a number or a text of its own. */
struct task_row {
	uint64_t id;
	const char *payload, *token, *repository, *full_name;
	uint64_t repository_id;
	bool protected_ref, from_fork;
};

static const char *text_in(struct parsing *p, const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));
	return s ? arena_strdup(p->a, s, p->e) : "";
}

static int read_row(struct parsing *p, const json_t *task, struct task_row *ret)
{
	const json_t *context = json_object_get(task, "context");
	const json_t *repository = json_object_get(json_object_get(context, "event"), "repository");
	*ret = (struct task_row){
		.id = gitea_int64(json_object_get(task, "id")),
		.payload = json_string_value(json_object_get(task, "workflowPayload")),
		.token = text_in(p, context, "token"),
		.repository = text_in(p, context, "repository"),
		.full_name = text_in(p, repository, "full_name"),
		.repository_id = gitea_int64(json_object_get(repository, "id")),
		.protected_ref = json_is_true(json_object_get(context, "ref_protected")),
		.from_fork = gitea_is_from_fork(context),
	};
	if (!ret->token || !ret->repository || !ret->full_name)
		return -1;
	if (!ret->id)
		return err_set(p->e, EINVAL, "task.id: not a number");
	if (!ret->payload)
		return err_set(p->e, EINVAL, "task.workflowPayload: not a string");
	size_t n = strlen(ret->repository);
	if (!str_is_printable(ret->repository, n) || strstr(ret->repository, ".."))
		return err_set(p->e, EINVAL, "task.context.repository: no name of one");
	return 0;
}

static int read_workflow(struct parsing *p, const struct task_row *row, struct workflow_read *ret)
{
	struct buf text = BUF(TEXT_MAX);
	int r = base64_decode(row->payload, strlen(row->payload), &text, p->e);
	if (r < 0)
		err_wrap(p->e, "task.workflowPayload");
	else
		r = workflow_read(buf_cstr(&text), text.len, p->a, ret, p->e);
	buf_wipe(&text);
	return r;
}

/* An address in one form, "" when it is none. */
static const char *address(struct parsing *p, const char *text)
{
	struct err e = { 0 };
	autobuf b = BUF(URL_MAX);
	return url_normalise(text, &b, &e) < 0 ? "" : arena_strdup(p->a, buf_cstr(&b), p->e);
}

/* "github" and "self" are what older servers say in place of an address. */
static int take_addresses(struct parsing *p, const json_t *context)
{
	static const char github[] = "https://github.com";
	const char *actions = text_in(p, context, "gitea_default_actions_url");
	const char *server = text_in(p, context, "server_url");
	if (!actions || !server)
		return -1;
	if (!*actions || strcmp(actions, "github") == 0)
		actions = github;
	p->w->server_url = address(p, server);
	p->w->actions_url = strcmp(actions, "self") == 0 ? p->w->server_url : address(p, actions);
	return p->w->server_url && p->w->actions_url ? 0 : -1;
}

/* The commit that the task is about. */
static int take_sources(struct parsing *p, const json_t *task, const struct task_row *row)
{
	const json_t *context = json_object_get(task, "context");
	struct job_sources *s = &p->job->sources;
	bool known = *p->w->server_url && *row->repository;
	*s = (struct job_sources){
		.url = known ? arena_printf(p->a, p->e, "%s/%s.git", p->w->server_url,
					    row->repository)
			     : "",
		.user = "x-access-token",
		.token = row->token,
		.ref = text_in(p, context, "ref"),
		.sha = text_in(p, context, "sha"),
		.before_sha = "",
		.protected_ref = row->protected_ref,
		.from_fork = row->from_fork,
		.by_step = true,
	};
	if (!s->url || !s->ref || !s->sha)
		return -1;
	s->object_format = strlen(s->sha) == SHA256_HEX ? "sha256" : "sha1";
	if (!str_is_printable(s->ref, strlen(s->ref)))
		return err_set(p->e, EINVAL, "task.context.ref: no name of one");
	return 0;
}

static int fill(struct parsing *p, const json_t *task)
{
	struct task_row row;
	struct workflow_read r;
	if (read_row(p, task, &row) < 0 || read_workflow(p, &row, &r) < 0)
		return -1;
	p->w = r.workflow;
	*p->job = (struct job){
		.id = row.id,
		.project_id = gitea_project_id(row.repository, row.full_name, row.repository_id),
		.token = row.token,
		.timeout_s = r.timeout_s ? r.timeout_s : TIMEOUT_S,
		.name = r.name,
		.stage = "",
		.project_path = row.repository,
		.image = { .name = "", .platform = "", .user = "", .alias = "" },
		.workflow = p->w,
		.trace_sections = true,
	};
	if (take_addresses(p, json_object_get(task, "context")) < 0 ||
	    take_sources(p, task, &row) < 0)
		return -1;
	return add_contexts(p, task, &r) < 0 ? -1 : add_masks(p, task);
}

static const struct job *parse(const char *text, size_t n, struct arena *a, struct err *e)
{
	struct parsing p = { .a = a, .e = e, .job = arena_new(a, struct job, e) };
	json_auto_t *root = p.job ? json_read(text, n, TEXT_MAX, e) : NULL;
	if (!root)
		return NULL;
	const json_t *task = json_object_get(root, "task");
	if (!json_is_object(task)) {
		err_set(e, EINVAL, "task: not an object");
		return NULL;
	}
	return fill(&p, task) < 0 ? NULL : p.job;
}

const struct job *gitea_job_parse(const char *text, size_t n, struct arena *a, struct err *e)
{
	json_room_enter();
	const struct job *job = parse(text, n, a, e);
	json_room_leave();
	return job;
}

/* --- markup ------------------------------------------------------------------------------------- */

int gitea_mark_line(struct buf *out, enum gitea_mark style, const char *text, struct err *e)
{
	static const char *const lead[] = {
		[GITEA_MARK_PLAIN] = "",
		[GITEA_MARK_WARNING] = "##[warning]",
		[GITEA_MARK_ERROR] = "##[error]",
	};
	return buf_printf(out, e, "%s%s\n", lead[style], text);
}

int gitea_mark_section(struct buf *out, bool start, const char *name, uint64_t unix_s,
		       struct err *e)
{
	(void)name;
	(void)unix_s;
	return buf_str(out, start ? "::group::" : "::endgroup::\n", e);
}
