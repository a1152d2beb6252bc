#include "executor/remote_url.h"

#include "base/str.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static bool plain_path_byte(unsigned char c)
{
	return c > ' ' && c < 0x7f && !strchr("\"'`\\<>^{}|?#", c);
}

static bool host_byte(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr(".-_[:]", c));
}

/* Behind "scheme://", NULL when it is neither http nor https. */
static const char *authority(const char *url)
{
	if (strncasecmp(url, "https://", 8) == 0)
		return url + 8;
	return strncasecmp(url, "http://", 7) == 0 ? url + 7 : NULL;
}

static size_t authority_len(const char *at)
{
	return strcspn(at, "/");
}

/* "h", "h.example", "[2001:db8::1]". */
static bool host_ok(const char *at, size_t n)
{
	bool v6 = at[0] == '[';
	if (v6)
		return n > 2 && at[n - 1] == ']' && !memchr(at + 1, ']', n - 2) &&
		       !memchr(at + 1, '[', n - 1);
	return n && *at != '-' && !memchr(at, ':', n) && !memchr(at, '[', n) && !memchr(at, ']', n);
}

/* The length of the host in "host:port" of n bytes; n where there is no port. */
static size_t host_len(const char *at, size_t n)
{
	const char *colon = memrchr(at, ':', n);
	bool inside = colon && memchr(colon, ']', n - (size_t)(colon - at));
	return colon && !inside ? (size_t)(colon - at) : n;
}

static bool authority_ok(const char *at, size_t n)
{
	if (n == 0 || n > 300)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!host_byte((unsigned char)at[i]))
			return false;
	size_t host = host_len(at, n), port = n - host;
	if (port > 6 || (port && strspn(at + host + 1, "0123456789") < port - 1))
		return false;
	return host_ok(at, host);
}

/* No part is "..", encoded or not. */
static bool has_dotdot(const char *path)
{
	for (const char *p = path; *p; p += strcspn(p, "/")) {
		p += strspn(p, "/");
		size_t n = strcspn(p, "/"), dots = 0, i = 0;
		while (i < n && (p[i] == '.' || strncasecmp(p + i, "%2e", 3) == 0)) {
			i += p[i] == '.' ? 1 : 3;
			dots++;
		}
		if (n && i == n && dots == 2)
			return true;
	}
	return false;
}

static int bad(struct err *e, const char *why)
{
	return err_set(e, EINVAL, "repository address: %s", why);
}

int remote_url_check(const char *url, struct err *e)
{
	const char *at = authority(url);
	if (strlen(url) > REMOTE_URL_MAX)
		return bad(e, "too long");
	if (!at)
		return bad(e, "neither http:// nor https://");
	size_t n = authority_len(at);
	if (memchr(at, '@', n))
		return bad(e, "holds a user name or a password");
	if (!authority_ok(at, n))
		return bad(e, "malformed host");
	if (at[n] != '/' || !at[n + 1])
		return bad(e, "no path");
	for (const char *p = at + n; *p; p++)
		if (!plain_path_byte((unsigned char)*p))
			return bad(e, "a character that no repository's address needs");
	return has_dotdot(at + n) ? bad(e, "\"..\" in its path") : 0;
}

/* Length of scheme, "://" and authority without the scheme's own port. */
static size_t origin_len(const char *url)
{
	const char *at = authority(url);
	if (!at)
		return 0;
	size_t n = (size_t)(at - url) + authority_len(at);
	const char *port = at - url == 8 ? ":443" : ":80";
	size_t np = strlen(port);
	return n > np && memcmp(url + n - np, port, np) == 0 ? n - np : n;
}

bool remote_url_same_origin(const char *a, const char *b)
{
	size_t n = origin_len(a);
	return n && n == origin_len(b) && strncasecmp(a, b, n) == 0;
}

int remote_url_origin(const char *url, struct buf *out, struct err *e)
{
	const char *at = authority(url);
	size_t n = at ? (size_t)(at - url) + authority_len(at) : 0;
	return buf_add(out, url, n, e);
}

/* ssh://[user@]host[:port]/path and [user@]host:path as https://host/path. */
static int from_ssh(const char *url, struct buf *out, struct err *e)
{
	bool full = strncasecmp(url, "ssh://", 6) == 0;
	const char *at = full ? url + 6 : url;
	size_t n = strcspn(at, full ? "/" : ":");
	if (!at[n] || strchr(url, '\n'))
		return bad(e, "neither http(s) nor ssh");
	const char *user = memchr(at, '@', n);
	const char *host = user ? user + 1 : at;
	size_t nhost = n - (size_t)(host - at);
	const char *port = full ? memchr(host, ':', nhost) : NULL;
	if (port)
		nhost = (size_t)(port - host);
	const char *path = at + n + 1;
	path += strspn(path, "/");
	return buf_printf(out, e, "https://%.*s/%s", (int)nhost, host, path);
}

/* base without its last part: the length up to the slash before it; 0 when nothing may go. */
static size_t parent(const char *base, size_t n, size_t root)
{
	while (n > root && base[n - 1] == '/')
		n--;
	while (n > root && base[n - 1] != '/')
		n--;
	while (n > root && base[n - 1] == '/')
		n--;
	return n;
}

static int relative(const char *base, const char *url, struct buf *out, struct err *e)
{
	const char *at = authority(base);
	if (!at)
		return bad(e, "relative, to one that is not http");
	size_t root = (size_t)(at - base) + authority_len(at), n = strlen(base);
	while (n > root && base[n - 1] == '/')
		n--;
	for (;;) {
		if (str_starts(url, "./")) {
			url += 2;
		} else if (str_starts(url, "../")) {
			if (n <= root)
				return bad(e, "leads above the server's root");
			n = parent(base, n, root);
			url += 3;
		} else {
			break;
		}
	}
	return buf_printf(out, e, "%.*s/%s", (int)n, base, url);
}

static bool is_ssh(const char *url)
{
	const char *colon = strchr(url, ':'), *slash = strchr(url, '/');
	return strncasecmp(url, "ssh://", 6) == 0 ||
	       (colon && !str_starts(colon, "://") && (!slash || colon < slash));
}

int remote_url_resolve(const char *base, const char *url, bool https, struct buf *out,
		       struct err *e)
{
	autobuf made = BUF(REMOTE_URL_MAX * 2);
	int r;
	if (*url == '-' || strlen(url) > REMOTE_URL_MAX)
		return bad(e, "begins with a dash, or is too long");
	if (str_starts(url, "./") || str_starts(url, "../"))
		r = relative(base, url, &made, e);
	else if (is_ssh(url) && https)
		r = from_ssh(url, &made, e);
	else if (is_ssh(url))
		return bad(e,
			   "ssh: set GIT_SUBMODULE_FORCE_HTTPS to \"true\", or make it relative");
	else
		r = buf_str(&made, url, e);
	if (r < 0 || remote_url_check(buf_cstr(&made), e) < 0)
		return -1;
	return buf_add(out, made.p, made.len, e);
}
