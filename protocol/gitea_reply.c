#include "protocol/gitea_reply.h"

#include "base/str.h"
#include "protocol/gitea_identity.h"
#include "protocol/gitea_value.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static void json_drop(json_t **j)
{
	json_decref(*j);
}
#define autojson __attribute__((cleanup(json_drop))) json_t

static const char *text_at(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));
	return s ? s : "";
}

static uint64_t number_at(const json_t *object, const char *key)
{
	return gitea_int64(json_object_get(object, key));
}

static json_t *root_of(const struct http_reply *r)
{
	return r->cut ? NULL : json_loadb(r->body, r->body_len, JSON_DISABLE_EOF_CHECK, NULL);
}

/* s into ret, cut to size, with '?' for what is not printable. */
static void copy_plain(char *ret, size_t size, const char *s)
{
	size_t n = strnlen(s, size - 1);
	for (size_t i = 0; i < n; i++)
		ret[i] = (unsigned char)s[i] < ' ' || s[i] == 0x7f ? '?' : s[i];
	ret[n] = '\0';
}

/* --- codes -------------------------------------------------------------------------------------- */

struct code_row {
	const char *code; /* as Connect names it */
	const char *text; /* as it stands in the message of an "unknown" one */
	enum gitea_code what;
};

static const struct code_row codes[] = {
	{ "unauthenticated", "code = Unauthenticated", GITEA_UNAUTHENTICATED },
	{ "permission_denied", "code = PermissionDenied", GITEA_UNAUTHENTICATED },
	{ "already_exists", "code = AlreadyExists", GITEA_ARCHIVED },
	{ "not_found", "code = NotFound", GITEA_NOT_FOUND },
	{ "unimplemented", "code = Unimplemented", GITEA_UNIMPLEMENTED },
	{ "invalid_argument", "code = InvalidArgument", GITEA_INVALID },
	{ "", "runner registration token", GITEA_UNAUTHENTICATED }, /* none, or an old one */
	{ "internal", "update task: resource does not exist", GITEA_NOT_FOUND },
};

enum gitea_code gitea_code(const struct http_reply *r)
{
	if (r->status == 200)
		return GITEA_OK;
	autojson *root = root_of(r);
	const char *code = text_at(root, "code"), *text = text_at(root, "message");
	bool real = *code && strcmp(code, "unknown") != 0 && strcmp(code, "internal") != 0;
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (real ? strcmp(codes[i].code, code) == 0 : strstr(text, codes[i].text) != NULL)
			return codes[i].what;
	if (r->status == 401)
		return GITEA_UNAUTHENTICATED;
	return r->status == 404 ? GITEA_UNIMPLEMENTED : GITEA_FAILED;
}

void gitea_reply_text(const struct http_reply *r, char ret[FORGE_TEXT_MAX])
{
	char message[200] = "";
	if (r->status == 0) {
		copy_plain(ret, FORGE_TEXT_MAX, r->error);
		return;
	}
	autojson *root = root_of(r);
	copy_plain(message, sizeof message, text_at(root, "message"));
	snprintf(ret, FORGE_TEXT_MAX, *message ? "status %d: %s" : "status %d", r->status, message);
}

/* The object of an answer that is a yes. NULL with e set: what it is instead. */
static json_t *answer_of(const struct http_reply *r, struct err *e)
{
	if (r->status != 200) {
		char text[FORGE_TEXT_MAX];
		gitea_reply_text(r, text);
		err_set(e, gitea_code(r) == GITEA_UNAUTHENTICATED ? EACCES : EPROTO, "%s", text);
		return NULL;
	}
	json_t *root = root_of(r);
	if (json_is_object(root))
		return root;
	json_decref(root);
	err_set(e, r->cut ? EFBIG : EPROTO, "the answer is %s",
		r->cut ? "too long" : "not what was asked for");
	return NULL;
}

/* --- a runner ----------------------------------------------------------------------------------- */

int gitea_runner_read(const struct http_reply *r, bool declared, struct forge_identity *ret,
		      struct err *e)
{
	autojson *root = answer_of(r, e);
	if (!root)
		return -1;
	const json_t *runner = json_object_get(root, "runner");
	const char *uuid = text_at(runner, "uuid"), *token = text_at(runner, "token");
	*ret = (struct forge_identity){
		.id = number_at(runner, "id"),
		.ephemeral = json_is_true(json_object_get(runner, "ephemeral")),
	};
	if (declared)
		return 0;
	size_t n = strlen(token);
	if (strlen(uuid) != GITEA_UUID || strspn(uuid, "0123456789abcdefABCDEF-") != GITEA_UUID ||
	    n == 0 || n + GITEA_UUID + 2 > FORGE_TOKEN_MAX || !str_is_printable(token, n))
		return err_set(e, EPROTO, "the answer names no runner");
	snprintf(ret->token, sizeof ret->token, "%s:%s", uuid, token);
	return 0;
}

/* --- a task ------------------------------------------------------------------------------------- */

static void read_task(const json_t *task, struct forge_offer *o)
{
	const json_t *context = json_object_get(task, "context");
	const json_t *repository = json_object_get(json_object_get(context, "event"), "repository");
	const char *name = text_at(context, "repository");
	o->id = number_at(task, "id");
	copy_plain(o->project_path, sizeof o->project_path, name);
	o->protected_ref = json_is_true(json_object_get(context, "ref_protected"));
	o->from_fork = gitea_is_from_fork(context);
	o->project_id = gitea_project_id(name, text_at(repository, "full_name"),
					 number_at(repository, "id"));
}

int gitea_fetch_read(const struct http_reply *r, struct forge_offer *ret_offer,
		     struct gitea_fetched *ret, struct err *e)
{
	autojson *root = answer_of(r, e);
	if (!root)
		return -1;
	const json_t *task = json_object_get(root, "task");
	struct forge_offer o = { 0 };
	if (json_is_object(task)) {
		read_task(task, &o);
		if (!o.id)
			return err_set(e, EPROTO, "the task has no id");
	}
	*ret = (struct gitea_fetched){ o.id != 0, number_at(root, "tasksVersion") };
	*ret_offer = o;
	return 0;
}

int gitea_ack_read(const struct http_reply *r, uint64_t *ret, struct err *e)
{
	autojson *root = answer_of(r, e);
	if (!root)
		return -1;
	*ret = number_at(root, "ackIndex");
	return 0;
}

int gitea_state_read(const struct http_reply *r, enum gitea_result *ret, struct err *e)
{
	static const char *const names[GITEA_RESULTS] = {
		"RESULT_UNSPECIFIED", "RESULT_SUCCESS", "RESULT_FAILURE",
		"RESULT_CANCELLED",   "RESULT_SKIPPED",
	};
	autojson *root = answer_of(r, e);
	if (!root)
		return -1;
	const json_t *state = json_object_get(root, "state");
	const char *name = text_at(state, "result");
	uint64_t number = number_at(state, "result");
	*ret = number < GITEA_RESULTS ? (enum gitea_result)number : GITEA_UNSPECIFIED;
	for (int i = 0; i < GITEA_RESULTS; i++)
		if (strcmp(names[i], name) == 0)
			*ret = (enum gitea_result)i;
	return 0;
}
