#include "protocol/oci_auth.h"

#include "base/str.h"
#include "protocol/json.h"
#include "protocol/url.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { PARAMS = 16, BASIC_MAX = 16 << 10 };

/* --- challenges --------------------------------------------------------------------------------- */

static bool is_token(char c)
{
	static const char others[] = "!#$%&'*+-.^_`|~";
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
	       (c && strchr(others, c));
}

static size_t token_length(const char *s)
{
	size_t n = 0;
	while (is_token(s[n]))
		n++;
	return n;
}

static const char *skip(const char *s, const char *set)
{
	return s + strspn(s, set);
}

/* A quoted string or a token into the arena; *s is moved behind it. NULL: neither. */
static const char *take_value(const char **s, struct arena *a, struct err *e)
{
	size_t n = token_length(*s);
	char *out = arena_alloc(a, strlen(*s) + 1, e), *to = out;
	const char *p = *s;
	if (!out)
		return NULL;
	if (*p != '"') {
		memcpy(out, p, n);
		*s = p + n;
		return out;
	}
	for (p++; *p && *p != '"'; p++) {
		if (*p == '\\' && p[1])
			p++;
		*to++ = *p;
	}
	*s = p + (*p == '"');
	if (*p == '"')
		return out;
	err_set(e, EINVAL, "a quoted string without its end");
	return NULL;
}

struct param {
	const char *name;
	size_t to;
};

static const struct param params[] = {
	{ "realm", offsetof(struct oci_challenge, realm) },
	{ "service", offsetof(struct oci_challenge, service) },
	{ "scope", offsetof(struct oci_challenge, scope) },
};

static void keep_param(struct oci_challenge *c, const char *name, size_t n, const char *value)
{
	for (size_t i = 0; i < sizeof params / sizeof *params; i++)
		if (strlen(params[i].name) == n && strncasecmp(params[i].name, name, n) == 0)
			memcpy((char *)c + params[i].to, &value, sizeof value);
}

/* name=value, …; ends before the next scheme. */
static int take_params(const char **s, struct oci_challenge *c, struct arena *a, struct err *e)
{
	for (;;) {
		const char *name = skip(*s, " \t,");
		size_t n = token_length(name);
		const char *p = skip(name + n, " \t");
		if (n == 0 || *p != '=')
			return 0;
		*s = skip(p + 1, " \t");
		const char *value = take_value(s, a, e);
		if (!value)
			return -1;
		keep_param(c, name, n, value);
	}
}

static enum oci_scheme scheme_of(const char *name, size_t n)
{
	if (n == 6 && strncasecmp(name, "bearer", n) == 0)
		return OCI_BEARER;
	return n == 5 && strncasecmp(name, "basic", n) == 0 ? OCI_BASIC : OCI_NO_SCHEME;
}

int oci_challenge_parse(const char *header, struct arena *a, struct oci_challenge *ret,
			struct err *e)
{
	struct oci_challenge best = { OCI_NO_SCHEME, "", "", "" };
	for (const char *s = skip(header, " \t,"); *s; s = skip(s, " \t,")) {
		struct oci_challenge c = { OCI_NO_SCHEME, "", "", "" };
		size_t n = token_length(s);
		if (n == 0)
			return err_set(e, EINVAL, "WWW-Authenticate: malformed");
		c.scheme = scheme_of(s, n);
		s += n;
		if (take_params(&s, &c, a, e) < 0)
			return err_wrap(e, "WWW-Authenticate");
		if (c.scheme > best.scheme)
			best = c;
	}
	*ret = best;
	return 0;
}

/* --- tokens ------------------------------------------------------------------------------------- */

static int add_escaped(struct buf *b, const char *s, struct err *e)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
			     strchr("-._~", c);
		if ((plain ? buf_char(b, (char)c, e) : buf_printf(b, e, "%%%02X", c)) < 0)
			return -1;
	}
	return 0;
}

static int add_query(const struct oci_challenge *c, const char *repo, struct buf *b, struct err *e)
{
	char scope[512];
	snprintf(scope, sizeof scope, "repository:%s:pull", repo);
	if (buf_char(b, strchr(buf_cstr(b), '?') ? '&' : '?', e) < 0)
		return -1;
	if (c->service[0] && (buf_str(b, "service=", e) < 0 || add_escaped(b, c->service, e) < 0 ||
			      buf_char(b, '&', e) < 0))
		return -1;
	return buf_str(b, "scope=", e) < 0 ? -1 : add_escaped(b, c->scope[0] ? c->scope : scope, e);
}

int oci_token_url(const struct oci_challenge *c, const char *repo, bool plain, struct buf *ret,
		  struct err *e)
{
	autobuf base = BUF(URL_MAX);
	size_t n = strcspn(c->realm, "?");
	char realm[URL_MAX];
	if (strlen(c->realm) >= sizeof realm)
		return err_set(e, EINVAL, "token server: its address is too long");
	snprintf(realm, sizeof realm, "%.*s", (int)n, c->realm);
	if (url_normalise(realm, &base, e) < 0)
		return err_wrap(e, "token server");
	if (!url_is_tls(buf_cstr(&base)) && !plain)
		return err_set(e, EPERM, "token server: it is not reached by HTTPS");
	if (!str_is_printable(c->realm, strlen(c->realm)) || strpbrk(c->realm, " #"))
		return err_set(e, EINVAL, "token server: malformed address");
	if (buf_str(ret, buf_cstr(&base), e) < 0 || buf_str(ret, c->realm + n, e) < 0)
		return -1;
	return add_query(c, repo, ret, e);
}

static bool can_be_sent(const char *s)
{
	size_t n = strlen(s);
	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] == 0x7f)
			return false;
	return n > 0 && n <= OCI_TOKEN_MAX;
}

int oci_token_parse(const char *text, size_t n, struct secret *ret, struct err *e)
{
	static const char *const keys[] = { "token", "access_token" };
	json_auto_t *json = json_read(text, n, OCI_AUTH_MAX, e);
	if (!json)
		return err_wrap(e, "token server");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const char *token = json_string_value(json_object_get(json, keys[i]));
		if (token && token[0])
			return can_be_sent(token)
				       ? secret_set(ret, token, strlen(token), e)
				       : err_set(e, EPROTO,
						 "token server: a token that cannot be sent");
	}
	return err_set(e, EPROTO, "token server: no token in its answer");
}

/* --- logins ------------------------------------------------------------------------------------- */

void oci_login_done(struct oci_login *l)
{
	secret_done(&l->basic);
}

/* "https://index.docker.io/v1/" is index.docker.io is docker.io. */
static bool key_is(const char *key, const char *host)
{
	const char *s = strstr(key, "://");
	s = s ? s + 3 : key;
	size_t n = strcspn(s, "/");
	static const char *const docker[] = { "docker.io", "index.docker.io",
					      "registry-1.docker.io" };
	if (strlen(host) == n && strncasecmp(s, host, n) == 0)
		return true;
	if (strcmp(host, docker[0]) != 0)
		return false;
	for (size_t i = 1; i < sizeof docker / sizeof *docker; i++)
		if (strlen(docker[i]) == n && strncasecmp(s, docker[i], n) == 0)
			return true;
	return false;
}

static int base64(const char *p, size_t n, struct buf *out, struct err *e)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < n; i += 3) {
		unsigned v = (unsigned)(unsigned char)p[i] << 16;
		v |= i + 1 < n ? (unsigned)(unsigned char)p[i + 1] << 8 : 0;
		v |= i + 2 < n ? (unsigned char)p[i + 2] : 0;
		char four[] = { letters[v >> 18], letters[v >> 12 & 63],
				i + 1 < n ? letters[v >> 6 & 63] : '=',
				i + 2 < n ? letters[v & 63] : '=' };
		if (buf_add(out, four, sizeof four, e) < 0)
			return -1;
	}
	return 0;
}

static int join(const char *user, const char *password, struct oci_login *ret, struct err *e)
{
	struct buf plain = BUF(BASIC_MAX), coded = BUF(2 * BASIC_MAX);
	int r = buf_printf(&plain, e, "%s:%s", user, password);
	if (r == 0)
		r = base64(buf_cstr(&plain), plain.len, &coded, e);
	if (r == 0)
		r = secret_set(&ret->basic, buf_cstr(&coded), coded.len, e);
	buf_wipe(&plain);
	buf_wipe(&coded);
	ret->found = r == 0;
	return r;
}

static const char *member(const json_t *entry, const char *key)
{
	const char *s = json_string_value(json_object_get(entry, key));
	return s ? s : "";
}

static int take_entry(const json_t *entry, const char *host, struct oci_login *ret, struct err *e)
{
	const char *auth = member(entry, "auth"), *user = member(entry, "username");
	if (member(entry, "identitytoken")[0])
		return err_set(e, ENOTSUP, "%s: identity tokens are not supported yet", host);
	if (user[0] && !auth[0])
		return join(user, member(entry, "password"), ret, e);
	if (!auth[0])
		return 0;
	if (!can_be_sent(auth))
		return err_set(e, EINVAL, "%s: its \"auth\" is not base64", host);
	if (secret_set(&ret->basic, auth, strlen(auth), e) < 0)
		return -1;
	ret->found = true;
	return 0;
}

static const json_t *find(const json_t *object, const char *host)
{
	const char *key;
	json_t *value;
	void *iter = json_object_iter((json_t *)(uintptr_t)object);
	for (; iter; iter = json_object_iter_next((json_t *)(uintptr_t)object, iter)) {
		key = json_object_iter_key(iter);
		value = json_object_iter_value(iter);
		if (key_is(key, host))
			return value;
	}
	return NULL;
}

int oci_login_find(const char *text, size_t n, const char *host, struct oci_login *ret,
		   struct err *e)
{
	*ret = (struct oci_login){ 0 };
	json_auto_t *json = json_read(text, n, OCI_AUTH_MAX, e);
	if (!json)
		return -1;
	if (!json_is_object(json))
		return err_set(e, EINVAL, "not an object");
	const json_t *entry = find(json_object_get(json, "auths"), host);
	if (entry && take_entry(entry, host, ret, e) < 0)
		return -1;
	ret->helper = !ret->found && (find(json_object_get(json, "credHelpers"), host) ||
				      json_object_get(json, "credsStore"));
	return 0;
}
