#include "protocol/gitlab_secrets.h"

#include "base/str.h"
#include "protocol/job.h"

#include <string.h>

#define SECRET(name, field)                                                    \
	{                                                                      \
		name, json_take_text, .to = offsetof(struct job_secret, field) \
	}
#define PART(name, table)                                \
	{                                                \
		name, json_take_object, .more = &(table) \
	}
#define TABLE(rows_)                                                      \
	{                                                                 \
		.rows = (rows_), .nrows = sizeof(rows_) / sizeof *(rows_) \
	}

static const struct json_row engine_rows[] = { SECRET("name", engine), SECRET("path", mount) };
static const struct json_table engine = TABLE(engine_rows);

/* --- vault -------------------------------------------------------------------------------------- */

static const struct json_row data_rows[] = { SECRET("jwt", jwt), SECRET("role", role) };
static const struct json_table data = TABLE(data_rows);

static const struct json_row auth_rows[] = {
	SECRET("name", auth_name),
	SECRET("path", auth_path),
	PART("data", data),
};
static const struct json_table auth = TABLE(auth_rows);

static const struct json_row server_rows[] = {
	SECRET("url", url),
	SECRET("namespace", space),
	PART("auth", auth),
};
static const struct json_table server = TABLE(server_rows);

static const struct json_row vault_rows[] = {
	PART("server", server),
	PART("engine", engine),
	SECRET("path", path),
	SECRET("field", field),
};
static const struct json_table vault = TABLE(vault_rows);

/* --- gitlab_secrets_manager: credentials go with each read --------------------------------------- */

static int take_auth_mount(const struct json_at *at, const struct json_row *row, void *to,
			   struct arena *a, struct err *e)
{
	struct job_secret *secret = to, old = *secret;
	if (!at->value || *secret->auth_path)
		return 0;
	if (json_take_text(at, row, secret, a, e) < 0)
		return -1;
	old.auth_path = arena_printf(a, e, "auth/%s/login", secret->auth_path);
	*secret = old;
	return secret->auth_path ? 0 : -1;
}

static const struct json_row inline_rows[] = {
	SECRET("path", auth_path),
	{ "auth_mount", take_auth_mount, .to = offsetof(struct job_secret, auth_path) },
	SECRET("jwt", jwt),
	SECRET("role", role),
};
static const struct json_table inline_auth = TABLE(inline_rows);

static const struct json_row manager_server_rows[] = {
	SECRET("url", url),
	PART("inline_auth", inline_auth),
};
static const struct json_table manager_server = TABLE(manager_server_rows);

static const struct json_row manager_rows[] = {
	PART("server", manager_server),
	PART("engine", engine),
	SECRET("path", path),
	SECRET("field", field),
};
static const struct json_table manager = TABLE(manager_rows);

/* --- one secret --------------------------------------------------------------------------------- */

struct provider {
	const char *key;
	enum job_secret_source source;
	const struct json_table *table; /* NULL: recognised, and no more than that */
};

static const struct provider providers[] = {
	{ "vault", JOB_SECRET_VAULT, &vault },
	{ "gitlab_secrets_manager", JOB_SECRET_GITLAB, &manager },
	{ "gcp_secret_manager", JOB_SECRET_OTHER, NULL },
	{ "azure_key_vault", JOB_SECRET_OTHER, NULL },
	{ "aws_secrets_manager", JOB_SECRET_OTHER, NULL },
};

static int provider_take(const struct json_at *at, struct job_secret *secret, struct arena *a,
			 struct err *e)
{
	for (size_t i = 0; i < sizeof providers / sizeof *providers; i++) {
		const struct provider *p = &providers[i];
		struct json_at place = json_at_key(at, p->key);
		if (!place.value)
			continue;
		secret->source = p->source;
		secret->provider = p->key;
		if (!p->table)
			return json_at_object(&place, e);
		return json_take(&place, p->table, secret, a, e);
	}
	return 0;
}

static int secret_take(const struct json_at *at, struct job_secret *secret, struct arena *a,
		       struct err *e)
{
	struct json_at file = json_at_key(at, "file");
	*secret = (struct job_secret){
		.provider = "",
		.source = JOB_SECRET_OTHER,
		.url = "",
		.space = "",
		.auth_name = "",
		.auth_path = "",
		.jwt = "",
		.role = "",
		.engine = "",
		.mount = "",
		.path = "",
		.field = "",
	};
	secret->name = arena_strdup(a, at->key, e);
	if (!secret->name || json_at_object(at, e) < 0)
		return -1;
	if (!*secret->name || !str_is_printable(secret->name, strlen(secret->name)))
		return json_at_fail(at, e, "a secret's name is empty or has a control byte");
	if (file.value && !json_is_boolean(file.value))
		return json_at_fail(&file, e, "not true or false");
	secret->file = !json_is_false(file.value);
	return provider_take(at, secret, a, e);
}

static int secrets_fill(const struct json_at *at, struct job_secret *list, struct arena *a,
			struct err *e)
{
	const char *key;
	json_t *value, *all;
	memcpy(&all, &at->value,
	       sizeof(json_t *)); /* iterators want it writable; nothing is written */
	json_object_foreach(all, key, value)
	{
		struct json_at place = json_at_key(at, key);
		if (secret_take(&place, list++, a, e) < 0)
			return -1;
	}
	return 0;
}

int gitlab_secrets_take(const struct json_at *at, const struct json_row *row, void *to,
			struct arena *a, struct err *e)
{
	struct job_secret *list = NULL;
	size_t n = json_object_size(at->value);
	if (json_at_object(at, e) < 0)
		return -1;
	if (n > row->max)
		return json_at_fail(at, e, "%zu items, at most %llu", n,
				    (unsigned long long)row->max);
	if (n && !(list = arena_array(a, n, sizeof *list, e)))
		return -1;
	if (list && secrets_fill(at, list, a, e) < 0)
		return -1;
	memcpy((char *)to + row->to, &list, sizeof(struct job_secret *));
	memcpy((char *)to + row->count, &n, sizeof n);
	return 0;
}
