#include "runner/config.h"

#include "base/fd.h"
#include "base/str.h"
#include "protocol/gitea_identity.h"
#include "protocol/yaml.h"
#include "runner/config_read.h"
#include "runner/profile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TOKEN_BYTES = 4096 };

/* --- places that nobody named ------------------------------------------------------------------- */

struct standard_place {
	const char *system, *variable, *home, *name;
};

static const struct standard_place place_config = { "/etc/courser/config.yaml", "XDG_CONFIG_HOME",
						    ".config", "courser/config.yaml" };
static const struct standard_place place_state = { "/var/lib/courser", "XDG_STATE_HOME",
						   ".local/state", "courser" };

static const char *place_of(const struct standard_place *p, struct arena *a, struct err *e)
{
	const char *xdg = getenv(p->variable), *home = getenv("HOME");
	if (geteuid() == 0)
		return p->system;
	if (xdg && *xdg == '/')
		return arena_printf(a, e, "%s/%s", xdg, p->name);
	if (home && *home == '/')
		return arena_printf(a, e, "%s/%s/%s", home, p->home, p->name);
	err_set(e, ENOENT, "neither %s nor HOME is set", p->variable);
	return NULL;
}

const char *config_default_path(struct arena *a, struct err *e)
{
	return place_of(&place_config, a, e);
}

const char *config_default_state(struct arena *a, struct err *e)
{
	return place_of(&place_state, a, e);
}

static int fill_places(struct config *c, struct arena *a, struct err *e)
{
	if (!*c->state_dir)
		c->state_dir = config_default_state(a, e);
	return c->state_dir ? 0 : -1;
}

/* --- what only shows when all keys are read ------------------------------------------------------ */

static void check_listen(const struct config *c, struct config_errors *errors)
{
	uint64_t port;
	const char *colon = strrchr(c->listen_address, ':');
	if (!*c->listen_address)
		return;
	if (!colon || !str_u64(colon + 1, UINT16_MAX, &port))
		config_error(errors, 1, 1, "listen_address: \"%.64s\" is not HOST:PORT",
			     c->listen_address);
}

/* What belongs to one kind of forge. NULL when all is well; text is room for words. */
static const char *check_forge(const struct config_runner *x, struct err *text)
{
	char uuid[GITEA_UUID + 1];
	bool gitlab = strcmp(x->forge, "gitlab") == 0;
	if (gitlab)
		return x->nlabels || x->ephemeral ? "labels and ephemeral are for gitea and forgejo"
						  : NULL;
	if (!x->nlabels)
		return "no labels: no job would ever come";
	for (size_t i = 0; i < x->nlabels; i++)
		if (gitea_label_check(x->labels[i], text) < 0)
			return text->msg;
	return *x->token && !gitea_credentials(x->token, uuid)
		       ? "token: of gitea and forgejo it is UUID:TOKEN"
		       : NULL;
}

static void check_runner(struct config_reading *r, size_t i)
{
	struct err text = { 0 };
	const struct config_runner *x = &r->runners[i];
	const struct yaml_node *at = r->places[i];
	const char *why = NULL;
	if (at->kind != YAML_MAP)
		return; /* said already */
	if (!*x->url)
		why = "no url";
	else if (*x->token && *x->token_file)
		why = "token and token_file: one of them";
	else if (!*x->token && !*x->token_file)
		why = "no token: set token or token_file";
	else if (!*x->tls_cert_file != !*x->tls_key_file)
		why = "tls_cert_file and tls_key_file: both or none";
	else
		why = check_forge(x, &text);
	if (why)
		config_error(r->errors, at->line, at->col, "runners[%zu]: %s", i, why);
}

/* Where runner i says what key says; the runner itself when that was no text of the file. */
static const struct yaml_node *said_at(const struct config_reading *r, size_t i, const char *key)
{
	const struct yaml_node *v = yaml_get(r->places[i], key);
	return v ? v : r->places[i];
}

static void check_profile(struct config_reading *r, const struct yaml_node *at, const char *key,
			  const char *name)
{
	const char *names[CONFIG_PROFILES_MAX];
	const struct config *c = r->config;
	for (size_t i = 0; i < c->nprofiles; i++)
		names[i] = c->profiles[i].name;
	for (size_t i = 0; i < c->nprofiles; i++)
		if (strcmp(names[i], name) == 0)
			return;
	const char *near = str_nearest(name, names, c->nprofiles);
	config_error(r->errors, at->line, at->col, "%s: there is no profile \"%.64s\"%s%s%s", key,
		     name, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static void check_profiles(struct config_reading *r, size_t i)
{
	const struct config_runner *x = &r->runners[i];
	const struct yaml_node *rules = said_at(r, i, "profile_rules");
	if (*x->profile)
		check_profile(r, said_at(r, i, "profile"), "profile", x->profile);
	for (size_t k = 0; k < x->nprofile_rules; k++) {
		struct err e = { 0 };
		const char *name = profile_rule_check(x->profile_rules[k], &e);
		const struct yaml_node *at = config_item_at(rules, k);
		if (name)
			check_profile(r, at, "profile_rules", name);
		else
			config_error(r->errors, at->line, at->col, "profile_rules: %s", e.msg);
	}
}

/* "runner-0" for those without a name, so that each can be spoken of. */
static int name_runners(struct config_reading *r, struct err *e)
{
	for (size_t i = 0; i < r->config->nrunners; i++) {
		if (*r->runners[i].name)
			continue;
		r->runners[i].name = arena_printf(r->arena, e, "runner-%zu", i);
		if (!r->runners[i].name)
			return -1;
	}
	return 0;
}

/* A syntax error carries "line:col: " in front. */
static void syntax_error(struct config_errors *errors, const char *text)
{
	char *end;
	unsigned line = (unsigned)strtoul(text, &end, 10);
	unsigned col = *end == ':' ? (unsigned)strtoul(end + 1, &end, 10) : 0;
	bool placed = line && col && str_starts(end, ": ");
	config_error(errors, placed ? line : 1, placed ? col : 1, "%s", placed ? end + 2 : text);
}

static int fill(struct config_reading *r, const struct config_source *source, struct err *e)
{
	struct err syntax = { 0 };
	const struct yaml_node *root = yaml_read(source->text, source->n, r->arena, &syntax);
	if (!root) {
		syntax_error(r->errors, syntax.msg);
		return 0;
	}
	if (config_read_file(r, root, e) < 0)
		return -1;
	for (size_t i = 0; source->overrides && source->overrides[i]; i++)
		config_read_override(r, source->overrides, i);
	check_listen(r->config, r->errors);
	for (size_t i = 0; i < r->config->nrunners; i++) {
		check_runner(r, i);
		check_profiles(r, i);
	}
	return name_runners(r, e) < 0 ? -1 : fill_places(r->config, r->arena, e);
}

/* The whole of it, writable. */
static int read_source(struct config_reading *r, const struct config_source *source, struct err *e)
{
	r->config = arena_new(r->arena, struct config, e);
	if (!r->config || fill(r, source, e) < 0)
		return err_wrap(e, "%s", source->path);
	if (r->errors->n)
		return err_set(e, EINVAL, "%s: %zu error%s", source->path, r->errors->n,
			       r->errors->n == 1 ? "" : "s");
	r->config->path = arena_strdup(r->arena, source->path, e);
	return r->config->path ? 0 : -1;
}

const struct config *config_parse(const struct config_source *source, struct arena *a,
				  struct config_errors *errors, struct err *e)
{
	struct config_reading r = { .arena = a, .errors = errors };
	return read_source(&r, source, e) < 0 ? NULL : r.config;
}

/* --- the file ----------------------------------------------------------------------------------- */

/* A path, or the name of a systemd credential. */
static int token_path(const char *file, char *out, size_t size, struct err *e)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	int n;
	if (*file == '/')
		n = snprintf(out, size, "%s", file);
	else if (strchr(file, '/') || !dir)
		return err_set(e, ENOENT, "neither an absolute path nor a credential of ours");
	else
		n = snprintf(out, size, "%s/%s", dir, file);
	return n > 0 && (size_t)n < size ? 0 : err_set(e, ENAMETOOLONG, "too long");
}

static const char *token_read(const char *file, struct arena *a, struct err *e)
{
	char path[4096];
	autobuf b = BUF(TOKEN_BYTES);
	if (token_path(file, path, sizeof path, e) < 0 || fd_read_file(path, &b, e) < 0)
		return NULL;
	size_t n = b.len;
	while (n && strchr(" \t\r\n", b.p[n - 1]))
		n--;
	const char *token = NULL;
	if (!n || !str_is_printable(b.p, n))
		err_set(e, EINVAL, "holds no token");
	else
		token = arena_strndup(a, b.p, n, e);
	explicit_bzero(b.p, b.len);
	return token;
}

static void read_tokens(struct config_reading *r)
{
	for (size_t i = 0; r->runners && i < r->config->nrunners; i++) {
		struct config_runner *x = &r->runners[i];
		struct err e = { 0 };
		if (*x->token)
			continue;
		const char *token = token_read(x->token_file, r->arena, &e);
		if (token)
			x->token = token;
		else
			config_error(r->errors, r->places[i]->line, r->places[i]->col,
				     "runners[%zu]: token_file: %s", i, e.msg);
	}
}

/* The file's bytes; none where the default path has no file. */
static int slurp(const char *path, struct buf *b, struct arena *a, struct err *e)
{
	struct err none = { 0 };
	if (fd_read_file(path, b, e) == 0)
		return 0;
	const char *standard = config_default_path(a, &none);
	if (e->code != ENOENT || !standard || strcmp(standard, path) != 0)
		return -1;
	err_clear(e);
	return 0;
}

const struct config *config_load(const char *path, const char *const *overrides, struct arena *a,
				 struct config_errors *errors, struct err *e)
{
	struct config_reading r = { .arena = a, .errors = errors };
	struct buf b = BUF(YAML_BYTES_MAX);
	int done = slurp(path, &b, a, e);
	struct config_source source = { path, buf_cstr(&b), b.len, overrides };
	if (done == 0)
		done = read_source(&r, &source, e);
	buf_wipe(&b);
	if (done < 0)
		return NULL;
	read_tokens(&r);
	if (errors->n) {
		err_set(e, EINVAL, "%s: %zu error%s", path, errors->n, errors->n == 1 ? "" : "s");
		return NULL;
	}
	return r.config;
}
