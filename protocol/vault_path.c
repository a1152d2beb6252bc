#include "protocol/vault_path.h"

#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct scheme {
	const char *prefix, *port;
};

static const struct scheme schemes[] = {
	{ "https://", "443" },
	{ "http://", "80" },
};

static const struct scheme *scheme_of(const char *url)
{
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (strncasecmp(url, schemes[i].prefix, strlen(schemes[i].prefix)) == 0)
			return &schemes[i];
	return NULL;
}

static bool url_is_plain(const char *url)
{
	for (const char *s = url; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f || strchr("?#\\@\"<>", *s))
			return false;
	return true;
}

/* The colon of the port in host[0..n), NULL when there is none: "[::1]" has none. */
static const char *port_of(const char *host, size_t n)
{
	const char *colon = memrchr(host, ':', n), *bracket = memrchr(host, ']', n);
	return colon && (!bracket || colon > bracket) ? colon : NULL;
}

int vault_origin(const char *url, char *ret, struct err *e)
{
	const struct scheme *scheme = scheme_of(url);
	if (!scheme || !url_is_plain(url))
		return err_set(e, EINVAL, "not an http or https address: \"%.100s\"", url);
	const char *host = url + strlen(scheme->prefix);
	size_t n = strcspn(host, "/");
	const char *port = port_of(host, n);
	if (port && (size_t)(port - host) == n - 1) {
		n--; /* "host:" */
		port = NULL;
	}
	if (n == 0 || port == host || n + 20 > VAULT_ORIGIN)
		return err_set(e, EINVAL, "an address without a host: \"%.100s\"", url);
	int len = snprintf(ret, VAULT_ORIGIN, "%s%.*s%s%s", scheme->prefix, (int)n, host,
			   port ? "" : ":", port ? "" : scheme->port);
	for (int i = 0; i < len; i++)
		ret[i] = (char)tolower((unsigned char)ret[i]);
	return 0;
}

static bool is_loopback(const char *origin)
{
	static const char *const hosts[] = { "://127.", "://localhost:", "://[::1]:" };
	const char *at = strstr(origin, "://");
	for (size_t i = 0; at && i < sizeof hosts / sizeof *hosts; i++)
		if (str_starts(at, hosts[i]))
			return i > 0 || strspn(at + 3, "0123456789.") == strcspn(at + 3, ":");
	return false;
}

/* An entry of the list may leave out "https://". */
static bool entry_is(const char *entry, size_t n, const char *origin)
{
	char text[VAULT_ORIGIN], have[VAULT_ORIGIN];
	struct err ignored = { 0 };
	if (n + 16 > sizeof text)
		return false;
	bool bare = !memmem(entry, n, "://", 3);
	snprintf(text, sizeof text, "%s%.*s", bare ? "https://" : "", (int)n, entry);
	return vault_origin(text, have, &ignored) == 0 && strcmp(have, origin) == 0;
}

static bool is_listed(const char *allowed, const char *origin)
{
	static const char between[] = " ,\t\n";
	for (const char *at = allowed + strspn(allowed, between); *at;) {
		size_t n = strcspn(at, between);
		if (entry_is(at, n, origin))
			return true;
		at += n;
		at += strspn(at, between);
	}
	return false;
}

int vault_allowed(const char *url, const char *allowed, struct err *e)
{
	char origin[VAULT_ORIGIN];
	if (vault_origin(url, origin, e) < 0)
		return -1;
	if (is_listed(allowed, origin))
		return 0;
	if (allowed[strspn(allowed, " ,\t\n")])
		return err_set(e, EINVAL,
			       "%s is not an address that vault.allowed of this runner names",
			       origin);
	if (str_starts(origin, "https:") || is_loopback(origin))
		return 0;
	return err_set(e, EINVAL,
		       "%s is not https: vault.allowed of this runner would have to name it",
		       origin);
}

int vault_redirect_allowed(const char *from, const char *url, const char *allowed, struct err *e)
{
	char a[VAULT_ORIGIN], b[VAULT_ORIGIN];
	if (vault_origin(from, a, e) < 0 || vault_origin(url, b, e) < 0)
		return -1;
	const char *host_a = strstr(a, "://") + 3, *host_b = strstr(b, "://") + 3;
	size_t scheme = (size_t)(host_a - a);
	size_t host = (size_t)(port_of(host_a, strlen(host_a)) - host_a) + 1;
	if (strncmp(a, b, scheme) != 0)
		return err_set(e, EINVAL, "redirect from %s to another scheme, %s", a, b);
	if (strncmp(host_a, host_b, host) == 0 || is_listed(allowed, b))
		return 0;
	return err_set(e, EINVAL, "redirect from %s to another host, %s", a, b);
}

static int byte_add(struct buf *url, unsigned char c, struct err *e)
{
	static const char plain[] = "-._~0123456789"
				    "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	if (c < ' ' || c == 0x7f || c == '?' || c == '#')
		return err_set(e, EINVAL, "it holds a control byte, \"?\" or \"#\"");
	return strchr(plain, c) ? buf_char(url, (char)c, e) : buf_printf(url, e, "%%%02X", c);
}

static int segment_add(struct buf *url, const char *s, size_t n, struct err *e)
{
	if (n == 0 || (n <= 2 && strspn(s, ".") >= n))
		return err_set(e, EINVAL, "a part of it is empty, \".\" or \"..\"");
	if (buf_char(url, '/', e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (byte_add(url, (unsigned char)s[i], e) < 0)
			return -1;
	return 0;
}

int vault_path_add(struct buf *url, const char *path, struct err *e)
{
	const char *at = path + strspn(path, "/"), *end = path + strlen(path);
	while (end > at && end[-1] == '/')
		end--;
	if (at == end)
		return err_set(e, EINVAL, "path \"%.100s\": it is empty", path);
	for (;;) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		const char *stop = slash ? slash : end;
		if (segment_add(url, at, (size_t)(stop - at), e) < 0)
			return err_wrap(e, "path \"%.100s\"", path);
		if (!slash)
			return 0;
		at = slash + 1;
	}
}
