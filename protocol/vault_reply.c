#include "protocol/vault_reply.h"

#include "base/str.h"
#include "protocol/vault_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct vault_reply {
	json_t *root, *data, *auth;
};

static const char *const engines[VAULT_ENGINES] = {
	[VAULT_KV1] = "kv-v1",
	[VAULT_KV2] = "kv-v2",
	[VAULT_GENERIC] = "generic",
};

bool vault_engine_named(const char *name, enum vault_engine *ret)
{
	for (unsigned i = 0; i < VAULT_ENGINES; i++)
		if (strcmp(name, engines[i]) == 0) {
			*ret = (enum vault_engine)i;
			return true;
		}
	return false;
}

/* It goes into a header or a JSON string of a later request. */
static bool is_sendable(const char *s, size_t max)
{
	size_t n = strlen(s);
	return n <= max && str_is_printable(s, n) && !strchr(s, ' ');
}

struct vault_reply *vault_reply_parse(const char *body, size_t n, struct err *e)
{
	json_t *root = vault_json_parse(body, n, e);
	if (!root)
		return NULL;
	struct vault_reply *r = calloc(1, sizeof *r);
	if (!r) {
		json_decref(root);
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	*r = (struct vault_reply){
		.root = root,
		.data = json_object_get(root, "data"),
		.auth = json_object_get(root, "auth"),
	};
	if (is_sendable(vault_reply_token(r), VAULT_TOKEN_MAX) &&
	    is_sendable(vault_reply_lease(r), VAULT_TOKEN_MAX))
		return r;
	vault_reply_free(r);
	err_set(e, EPROTO, "the answer holds a token or lease that is none");
	return NULL;
}

void vault_reply_free(struct vault_reply *r)
{
	if (!r)
		return;
	json_decref(r->root);
	free(r);
}

static const json_t *granted(const struct vault_reply *r)
{
	return json_is_object(r->auth) ? r->auth : r->root;
}

const char *vault_reply_token(const struct vault_reply *r)
{
	return vault_json_text(r->auth, "client_token");
}

uint64_t vault_reply_life(const struct vault_reply *r)
{
	return vault_json_u64(granted(r), "lease_duration");
}

bool vault_reply_renewable(const struct vault_reply *r)
{
	return json_is_true(json_object_get(granted(r), "renewable"));
}

const char *vault_reply_lease(const struct vault_reply *r)
{
	return vault_json_text(r->root, "lease_id");
}

const char *vault_reply_request(const struct vault_reply *r)
{
	const char *id = vault_json_text(r->root, "request_id");
	return strlen(id) < VAULT_NAME_MAX ? id : "";
}

uint64_t vault_reply_version(const struct vault_reply *r)
{
	return vault_json_u64(json_object_get(r->data, "metadata"), "version");
}

const char *vault_reply_warning(const struct vault_reply *r, size_t i)
{
	size_t n = 0;
	const json_t *all = json_object_get(r->root, "warnings");
	const char *s = vault_json_string(json_array_get(all, i), &n);
	return s && strlen(s) == n ? s : NULL;
}

/* KV v2 keeps a deleted version's metadata and answers it. */
static int deleted(const struct vault_reply *r, struct err *e)
{
	const json_t *meta = json_object_get(r->data, "metadata");
	unsigned long long version = vault_json_u64(meta, "version");
	if (json_is_true(json_object_get(meta, "destroyed")))
		return err_set(e, ENOENT, "version %llu of it was destroyed", version);
	const char *when = vault_json_text(meta, "deletion_time");
	if (*when)
		return err_set(e, ENOENT, "version %llu of it was deleted at %.40s", version, when);
	return err_set(e, ENOENT, "there is no such secret");
}

static const json_t *fields(const struct vault_reply *r, enum vault_engine engine)
{
	return engine == VAULT_KV2 ? json_object_get(r->data, "data") : r->data;
}

static int no_field(const json_t *object, const char *field, struct err *e)
{
	enum { NAMES = 256 };
	const char *names[NAMES];
	size_t n = 0;
	for (void *at = json_object_iter((json_t *)(uintptr_t)object); at && n < NAMES;
	     at = json_object_iter_next((json_t *)(uintptr_t)object, at))
		names[n++] = json_object_iter_key(at);
	const char *near = str_nearest(field, names, n);
	return err_set(e, ENOENT, "it has no field \"%.64s\"%s%.64s%s", field,
		       near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static const json_t *field_value(const struct vault_reply *r, enum vault_engine engine,
				 const char *field, struct err *e)
{
	const json_t *object = fields(r, engine);
	if (*field == '\0') {
		err_set(e, EINVAL, "no field is named");
		return NULL;
	}
	if (!json_is_object(object)) {
		deleted(r, e);
		return NULL;
	}
	const json_t *v = json_object_get(object, field);
	if (v && !json_is_null(v))
		return v;
	if (v)
		err_set(e, ENOENT, "its field \"%.64s\" is null", field);
	else
		no_field(object, field, e);
	return NULL;
}

int vault_reply_field(const struct vault_reply *r, enum vault_engine engine, const char *field,
		      struct secret *ret, struct err *e)
{
	__attribute__((cleanup(buf_wipe))) struct buf text = BUF(8 * VAULT_REPLY_MAX);
	const json_t *v = field_value(r, engine, field, e);
	if (!v || buf_reserve(&text, VAULT_REPLY_MAX, e) < 0)
		return -1;
	if (vault_json_value(v, &text, e) < 0)
		return err_wrap(e, "its field \"%.64s\"", field);
	return secret_set(ret, buf_cstr(&text), text.len, e);
}

struct leaves {
	int (*add)(void *arg, const char *p, size_t n);
	void *arg;
};

static int walk(const struct leaves *l, const json_t *v)
{
	size_t n = 0;
	const char *s = vault_json_string(v, &n);
	if (s)
		return n ? l->add(l->arg, s, n) : 0;
	for (size_t i = 0; i < json_array_size(v); i++)
		if (walk(l, json_array_get(v, i)) < 0)
			return -1;
	json_t *object = (json_t *)(uintptr_t)v;
	for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at))
		if (walk(l, json_object_iter_value(at)) < 0)
			return -1;
	return 0;
}

int vault_reply_leaves(const struct vault_reply *r, enum vault_engine engine, const char *field,
		       int (*add)(void *arg, const char *p, size_t n), void *arg)
{
	struct leaves l = { .add = add, .arg = arg };
	const json_t *v = json_object_get(fields(r, engine), field);
	if (!json_is_object(v) && !json_is_array(v))
		return 0;
	return walk(&l, v);
}

/* s[0..n) with every run of white space and control bytes as one space. */
static int add_line(struct buf *out, const char *s, size_t n, struct err *e)
{
	bool space = false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c <= ' ' || c == 0x7f) {
			space = out->len > 0;
			continue;
		}
		if (space && buf_char(out, ' ', e) < 0)
			return -1;
		space = false;
		if (buf_char(out, (char)c, e) < 0)
			return -1;
	}
	return 0;
}

/* "a, b" of {"errors": ["a", "b"]}, and of {"warnings": …} where a 404 explains itself. */
static void add_list(struct buf *out, const json_t *list)
{
	struct err ignored = { 0 };
	for (size_t i = 0; i < json_array_size(list); i++) {
		size_t n = 0;
		const char *s = vault_json_string(json_array_get(list, i), &n);
		if (s && ((out->len && buf_str(out, ", ", &ignored) < 0) ||
			  add_line(out, s, n, &ignored) < 0))
			return;
	}
}

static int status_code(int status)
{
	if (status == 404)
		return ENOENT;
	if (status >= 500)
		return EREMOTEIO;
	return status >= 400 && status != 429 ? EACCES : EIO;
}

int vault_reply_error(int status, const char *body, size_t n, struct err *e)
{
	enum { SHOWN = 200 };
	struct err ignored = { 0 };
	autobuf text = BUF(2 * VAULT_REPLY_MAX);
	json_t *root = vault_json_parse(body, n, &ignored);
	if (root) {
		add_list(&text, json_object_get(root, "errors"));
		add_list(&text, json_object_get(root, "warnings"));
		json_decref(root);
	} else if (add_line(&text, body, n < SHOWN ? n : SHOWN, &ignored) < 0) {
		buf_clear(&text);
	}
	return err_set(e, status_code(status), "api error: status code %d: %s", status,
		       buf_cstr(&text));
}
