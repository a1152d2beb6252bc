#include "runner/registry.h"

#include "base/fd.h"
#include "base/str.h"
#include "runner/token_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SHORT_TOKEN = 9,
	LINES_MAX = 1 << 20,
	LONG_POLL_MS =
		3000, /* check_interval's default: of servers that answer when there is a job */
	SHORT_POLL_MS = 1000,
};

/* --- texts -------------------------------------------------------------------------------------- */

/* The items of a list, a line each. */
static const char *lines(struct arena *a, const char *const *items, size_t n, struct err *e)
{
	autobuf b = BUF(LINES_MAX);
	for (size_t i = 0; i < n; i++)
		if (buf_printf(&b, e, "%s\n", items[i]) < 0)
			return NULL;
	return arena_strndup(a, buf_cstr(&b), b.len, e);
}

/* The items of a list with blanks between them. */
static const char *words(struct arena *a, const char *const *items, size_t n, struct err *e)
{
	autobuf b = BUF(LINES_MAX);
	for (size_t i = 0; i < n; i++)
		if (buf_printf(&b, e, "%s%s", i ? " " : "", items[i]) < 0)
			return NULL;
	return arena_strndup(a, buf_cstr(&b), b.len, e);
}

struct pair {
	const char *key, *value;
};

static const char *settings_text(struct arena *a, const struct pair *rows, size_t n, struct err *e)
{
	autobuf b = BUF(LINES_MAX);
	for (size_t i = 0; i < n; i++) {
		const char *v = rows[i].value;
		if (v[0] && (buf_printf(&b, e, "%s=", rows[i].key) < 0 ||
			     str_quote(&b, v, strlen(v), e) < 0 || buf_char(&b, '\n', e) < 0))
			return NULL;
	}
	return arena_strndup(a, buf_cstr(&b), b.len, e);
}

static const char *const token_prefixes[] = { "glrt-", "t1_", "t2_", "t3_", "glrtr-", "glcbt-" };

/* The part of a token that may be shown: gitlab-runner's "short token". */
static void short_token(const char *token, char *out, size_t size)
{
	for (size_t i = 0; i < sizeof token_prefixes / sizeof *token_prefixes; i++)
		if (str_starts(token, token_prefixes[i]))
			token += strlen(token_prefixes[i]);
	snprintf(out, size, "%.*s", SHORT_TOKEN, token);
}

/* --- a row -------------------------------------------------------------------------------------- */

/* Servers without long polling are asked more often. */
static uint32_t interval_of(const struct config *c, const struct config_runner *from)
{
	bool held = strcmp(from->forge, "gitlab") == 0;
	return held || c->check_interval_ms > LONG_POLL_MS ? (uint32_t)c->check_interval_ms
							   : SHORT_POLL_MS;
}

static void fill_wire(struct registry_row *r, const struct config *c,
		      const struct config_runner *from)
{
	r->wire = (struct courier_registration){
		.idx = r->idx,
		.name = from->name,
		.url = from->url,
		.token = from->token,
		.system_id = "",
		.shell = from->shell,
		.token_obtained = from->token_obtained_at,
		.token_expires = from->token_expires_at,
		.ca_file = from->tls_ca_file,
		.cert_file = from->tls_cert_file,
		.key_file = from->tls_key_file,
		.proxy = from->proxy,
		.no_proxy = from->no_proxy,
		.limit = (uint32_t)from->limit,
		.request_concurrency = (uint32_t)from->request_concurrency,
		.check_interval_ms = interval_of(c, from),
		.unhealthy_limit = (uint32_t)from->unhealthy_requests_limit,
		.unhealthy_interval_s = (uint32_t)(from->unhealthy_interval_ms / 1000),
		.final_retries = (uint32_t)from->job_status_final_update_retry_limit,
		.connection_age_s = (uint32_t)(c->connection_max_age_ms / 1000),
		.strict = from->strict_check_interval,
		.rotate = from->token_file[0] == '\0',
		.forge = from->forge,
		.ephemeral = from->ephemeral,
	};
}

static const char *const network_names[] = {
	[CONFIG_NETWORK_HOST] = "host",
	[CONFIG_NETWORK_NONE] = "none",
};
static const enum sandbox_net networks[] = {
	[CONFIG_NETWORK_HOST] = SANDBOX_NET_HOST,
	[CONFIG_NETWORK_NONE] = SANDBOX_NET_NONE,
};

/* The content of the CA bundle, for jobs that talk to the coordinator. One that cannot be read is the
 * courier's to complain of. */
static const char *certificates(const char *path, struct arena *a)
{
	struct err e = { 0 };
	autobuf b = BUF(1 << 20);
	if (!path[0] || fd_read_file(path, &b, &e) < 0)
		return "";
	const char *text = arena_strndup(a, buf_cstr(&b), b.len, &e);
	return text ? text : "";
}

static int fill_settings(struct registry_row *r, const struct config_runner *from, struct arena *a,
			 struct err *e)
{
	r->settings = (struct settings){
		.runner_name = from->name,
		.forge = from->forge,
		.labels = r->wire.labels,
		.short_token = r->short_token,
		.system_id = "",
		.server_url = from->url,
		.shell = from->shell,
		.builds_dir = from->builds_dir,
		.network = network_names[from->network],
		.hostname = "",
		.environment = lines(a, from->environment, from->nenvironment, e),
		.feature_flags = lines(a, from->feature_flags, from->nfeature_flags, e),
		.pre_get_sources = from->pre_get_sources_script,
		.post_get_sources = from->post_get_sources_script,
		.pre_build = from->pre_build_script,
		.post_build = from->post_build_script,
		.clone_url = from->clone_url,
		.notes = "",
		.ca_file = certificates(from->tls_ca_file, a),
		.image = from->image,
		.image_policy = lines(a, from->images_pull_policy, from->nimages_pull_policy, e),
		.image_policies_allowed = lines(a, from->images_allowed_policies,
						from->nimages_allowed_policies, e),
		.images_allowed = lines(a, from->images_allowed, from->nimages_allowed, e),
		.image_keep = from->images_keep,
		.output_limit = from->output_limit,
		.cancel_int_ms = from->cancel_int_ms,
		.cancel_term_ms = from->cancel_term_ms,
		.drain_ms = from->drain_ms,
		.prepare_ms = from->prepare_timeout_ms,
		.get_sources_ms = from->get_sources_timeout_ms,
		.services_wait_ms = from->services_wait_ms,
		.debug_trace_off = from->debug_trace_disabled,
		.actions_offline = from->actions_offline,
	};
	const struct settings *s = &r->settings;
	bool images = s->image_policy && s->image_policies_allowed && s->images_allowed;
	return s->environment && s->feature_flags && images ? 0 : -1;
}

/* What pullers are told: the lists item by item. */
static const char *registries(const struct config_runner *from, struct arena *a, struct err *e)
{
	autobuf b = BUF(LINES_MAX);
	char size[STR_NUM];
	const struct pair single[] = {
		{ "auth_file", from->images_auth_file },
		{ "max_bytes", str_num(size, from->images_max_size) },
	};
	const char *text = settings_text(a, single, sizeof single / sizeof *single, e);
	if (!text || buf_str(&b, text, e) < 0)
		return NULL;
	const struct {
		const char *key, *const *items;
		size_t n;
	} lists[] = {
		{ "insecure", from->images_insecure, from->nimages_insecure },
		{ "mirror", from->images_mirrors, from->nimages_mirrors },
		{ "path", from->images_paths, from->nimages_paths },
	};
	for (size_t k = 0; k < sizeof lists / sizeof *lists; k++)
		for (size_t i = 0; i < lists[k].n; i++) {
			const struct pair one = { lists[k].key, lists[k].items[i] };
			text = settings_text(a, &one, 1, e);
			if (!text || buf_str(&b, text, e) < 0)
				return NULL;
		}
	return arena_strndup(a, buf_cstr(&b), b.len, e);
}

void slot_options_rights(struct slot_options *o, const struct config_runner *from)
{
	o->net = networks[from->network];
	o->network = network_names[from->network];
	o->tmp_bytes = from->tmp_size;
	o->limits = (struct sandbox_limits){
		.nproc = from->nproc,
		.nofile = from->nofile,
		.fsize = from->fsize,
		.cpus = (uint32_t)from->cpus,
	};
	o->memory = from->memory;
	o->profile = (enum sandbox_profile)from->isolation;
	o->mounts = from->mounts;
	o->nmounts = from->nmounts;
	o->devices = from->devices;
	o->ndevices = from->ndevices;
}

static int fill_slot(struct registry_row *r, const struct config_runner *from, struct arena *a,
		     struct err *e)
{
	const struct pair http[] = {
		{ "ca_file", from->tls_ca_file },   { "cert_file", from->tls_cert_file },
		{ "key_file", from->tls_key_file }, { "proxy", from->proxy },
		{ "no_proxy", from->no_proxy },
	};
	const struct pair images[] = {
		{ "ca_file", from->images_ca_file },
		{ "proxy", from->proxy },
		{ "no_proxy", from->no_proxy },
	};
	const char *allowed = words(a, from->vault_allowed, from->nvault_allowed, e);
	if (!allowed)
		return -1;
	char read_ms[STR_NUM];
	const struct pair vault[] = {
		{ "read_ms", str_num(read_ms, from->vault_timeout_ms) },
		{ "ca_file", from->vault_ca_file },
		{ "proxy", from->proxy },
		{ "no_proxy", from->no_proxy },
		{ "allowed", allowed },
	};
	r->slot = (struct slot_options){
		.from = from,
		.builds_dir = from->builds_dir,
		.http_settings = settings_text(a, http, sizeof http / sizeof *http, e),
		.registry_http = settings_text(a, images, sizeof images / sizeof *images, e),
		.registry_settings = registries(from, a, e),
		.vault_settings = settings_text(a, vault, sizeof vault / sizeof *vault, e),
	};
	slot_options_rights(&r->slot, from);
	const struct slot_options *o = &r->slot;
	bool images_too = o->registry_http && o->registry_settings;
	return o->http_settings && o->vault_settings && images_too ? 0 : -1;
}

int registry_row_fill(struct registry_row *r, const struct config *c,
		      const struct config_runner *from, struct arena *a, struct err *e)
{
	short_token(from->token, r->short_token, sizeof r->short_token);
	fill_wire(r, c, from);
	r->wire.labels = lines(a, from->labels, from->nlabels, e);
	if (!r->wire.labels)
		return -1;
	if (fill_settings(r, from, a, e) < 0)
		return -1;
	if (fill_slot(r, from, a, e) < 0)
		return -1;
	r->slot.config = c;
	r->slot.cache_size = c->cache_size;
	r->slot.cache_free = c->cache_free;
	return 0;
}

/* --- the registry ------------------------------------------------------------------------------- */

const struct registry_row *registry_at(const struct registry *r, uint32_t idx)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->rows[i].idx == idx)
			return &r->rows[i];
	return NULL;
}

const struct registry_row *registry_named(const struct registry *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (!r->rows[i].gone && strcmp(r->rows[i].wire.name, name) == 0)
			return &r->rows[i];
	return NULL;
}

void registry_begun(struct registry *r, uint32_t idx)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->rows[i].idx == idx)
			r->rows[i].spent = r->rows[i].wire.ephemeral != 0;
}

bool registry_is_spent(const struct registry *r)
{
	size_t spent = 0, all = 0;
	for (size_t i = 0; i < r->n; i++) {
		all += !r->rows[i].gone;
		spent += !r->rows[i].gone && r->rows[i].spent;
	}
	return all && spent == all;
}

static uint32_t next_index(const struct registry *before)
{
	uint32_t next = 1;
	for (size_t i = 0; before && i < before->n; i++)
		if (before->rows[i].idx >= next)
			next = before->rows[i].idx + 1;
	return next;
}

/* What is configured, each under the index that its name had, then what is no more. */
static int fill_rows(struct registry *r, const struct registry *before, struct err *e)
{
	uint32_t next = next_index(before);
	for (size_t i = 0; i < r->config->nrunners; i++) {
		const struct config_runner *from = &r->config->runners[i];
		const struct registry_row *old = before ? registry_named(before, from->name) : NULL;
		struct registry_row *row = &r->rows[r->n++];
		row->idx = old ? old->idx : next++;
		if (registry_row_fill(row, r->config, from, &r->arena, e) < 0)
			return -1;
		row->spent = old && old->spent && row->wire.ephemeral &&
			     strcmp(old->wire.token, row->wire.token) == 0;
	}
	for (size_t i = 0; before && i < before->n; i++) {
		const struct registry_row *old = &before->rows[i];
		if (registry_at(r, old->idx))
			continue;
		struct registry_row *row = &r->rows[r->n++];
		*row = (struct registry_row){ .idx = old->idx, .gone = true };
		row->wire.name = "";
	}
	return 0;
}

/* The directory of each certificate file: seen anew when a file is replaced. */
static int fill_certificates(struct registry *r, struct err *e)
{
	size_t n = 0;
	const char **dirs = arena_array(&r->arena, 3 * r->n + 1, sizeof *dirs, e);
	for (size_t i = 0; dirs && i < r->n; i++) {
		const struct courier_registration *w = &r->rows[i].wire;
		const char *files[] = { w->ca_file, w->cert_file, w->key_file };
		for (size_t k = 0; !r->rows[i].gone && k < 3; k++) {
			const char *slash = strrchr(files[k], '/');
			if (!slash)
				continue;
			size_t len = slash == files[k] ? 1 : (size_t)(slash - files[k]);
			dirs[n] = arena_strndup(&r->arena, files[k], len, e);
			if (!dirs[n++])
				return -1;
		}
	}
	r->certificates = dirs;
	return dirs ? 0 : -1;
}

static int load(struct registry *r, const char *path, const char *const *overrides,
		const struct registry *before, struct buf *errors)
{
	struct config_errors *list = calloc(1, sizeof *list);
	struct err e = { 0 };
	int ok = -1;
	if (!list)
		return -1;
	r->config = config_load(path, overrides, &r->arena, list, &e);
	if (r->config) {
		size_t most = r->config->nrunners + (before ? before->n : 0);
		r->rows = calloc(most + 1, sizeof *r->rows);
		ok = r->rows && fill_rows(r, before, &e) == 0 ? fill_certificates(r, &e) : -1;
	}
	struct err ignored = { 0 };
	if (ok < 0 && list->n == 0 && buf_printf(errors, &ignored, "%s\n", e.msg) < 0)
		ok = -1;
	if (list->n && config_errors_text(list, path, errors, &ignored) < 0)
		ok = -1;
	free(list);
	return ok;
}

struct registry *registry_load(const char *path, const char *const *overrides,
			       const struct registry *before, struct buf *errors)
{
	struct registry *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	r->arena = (struct arena)ARENA(CONFIG_ARENA_MAX);
	if (load(r, path, overrides, before, errors) == 0)
		return r;
	registry_free(r);
	return NULL;
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	free(r->rows);
	arena_done(&r->arena);
	free(r);
}

void registry_identify(struct registry *r, const char *system_id, const char *hostname)
{
	for (size_t i = 0; i < r->n; i++) {
		r->rows[i].wire.system_id = r->rows[i].settings.system_id = system_id;
		r->rows[i].settings.hostname = hostname;
	}
}

/* The rows of what is configured come first, in its order. */
int registry_renew(struct registry *r, int state_dir, struct err *e)
{
	for (size_t i = 0; i < r->config->nrunners; i++) {
		struct registry_row *row = &r->rows[i];
		struct token_kept kept, like = { .name = row->wire.name,
						 .url = row->wire.url,
						 .replaced = r->config->runners[i].token };
		int found = token_store_find(state_dir, &like, &r->arena, &kept, e);
		if (found < 0)
			return -1;
		if (!found)
			continue;
		row->wire.token = kept.token;
		row->wire.token_obtained = kept.obtained;
		row->wire.token_expires = kept.expires;
		short_token(kept.token, row->short_token, sizeof row->short_token);
	}
	return 0;
}
