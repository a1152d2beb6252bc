#include "protocol/url.h"

#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

static const char *const schemes[] = { "http://", "https://" };

/* The part behind "scheme://", and which scheme it is; NULL for another one. */
static const char *after_scheme(const char *s, const char **ret_scheme)
{
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		size_t n = strlen(schemes[i]);
		if (strncasecmp(s, schemes[i], n) == 0) {
			*ret_scheme = schemes[i];
			return s + n;
		}
	}
	return NULL;
}

static bool host_byte(char c)
{
	return isalnum((unsigned char)c) || strchr("-._~", c) || (unsigned char)c >= 0x80;
}

/* The length of the name or of "[address]" at s; 0 when there is none. */
static size_t host_length(const char *s)
{
	size_t n = 0;
	if (*s != '[') {
		while (s[n] && host_byte(s[n]))
			n++;
		return n;
	}
	for (n = 1; isxdigit((unsigned char)s[n]) || (s[n] && strchr(":.", s[n])); n++)
		;
	return s[n] == ']' && n > 2 ? n + 1 : 0;
}

/* Behind ":port" at s, or s where there is none; NULL for a port that is none. */
static const char *after_port(const char *s)
{
	if (*s != ':')
		return s;
	size_t n = strspn(s + 1, "0123456789");
	char digits[6] = "";
	uint64_t port;
	if (n == 0 || n >= sizeof digits)
		return NULL;
	memcpy(digits, s + 1, n);
	return str_u64(digits, 65535, &port) && port ? s + 1 + n : NULL;
}

static int check_bytes(const char *text, struct err *e)
{
	size_t n = strlen(text);
	if (n > URL_MAX)
		return err_set(e, EINVAL, "the address is longer than %d bytes", URL_MAX);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f ||
		    strchr("\"<>\\^`{|}", text[i]))
			return err_set(e, EINVAL,
				       "the address holds a byte that does not belong there");
	return 0;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static int add_lower(struct buf *b, const char *s, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (buf_char(b, lower(s[i]), e) < 0)
			return -1;
	return 0;
}

/* Where the path begins behind the host and port at `host`. NULL with e set. */
static const char *check_host(const char *host, struct err *e)
{
	if (memchr(host, '@', strcspn(host, "/?#"))) {
		err_set(e, EINVAL, "a user name or password does not belong into the address");
		return NULL;
	}
	size_t n = host_length(host);
	const char *path = n ? after_port(host + n) : NULL;
	if (path && (!*path || strchr("/?#", *path)))
		return path;
	err_set(e, EINVAL, n ? "the address has a bad host or port" : "the address has no host");
	return NULL;
}

static int add(const char *text, bool gitlab, struct buf *ret, struct err *e)
{
	const char *scheme = "";
	if (check_bytes(text, e) < 0)
		return -1;
	const char *host = after_scheme(text, &scheme);
	if (!host)
		return err_set(e, EINVAL, "the address does not begin with http:// or https://");
	const char *path = check_host(host, e);
	if (!path)
		return -1;
	size_t end = strlen(path);
	if (strcspn(path, "?#") != end)
		return err_set(e, EINVAL, "a query or fragment does not belong into the address");
	while (end && path[end - 1] == '/')
		end--;
	if (gitlab && end >= 3 && memcmp(path + end - 3, "/ci", 3) == 0)
		end -= 3;
	if (buf_str(ret, scheme, e) < 0 || add_lower(ret, host, (size_t)(path - host), e) < 0)
		return -1;
	return buf_add(ret, path, end, e);
}

int url_normalise(const char *text, struct buf *ret, struct err *e)
{
	return add(text, false, ret, e);
}

int url_gitlab_base(const char *text, struct buf *ret, struct err *e)
{
	return add(text, true, ret, e);
}

void url_host(const char *url, char ret[URL_HOST_MAX])
{
	const char *scheme, *s = after_scheme(url, &scheme);
	s = s ? s : url;
	size_t n = strcspn(s, "/?#");
	n = n < URL_HOST_MAX ? n : URL_HOST_MAX - 1;
	memcpy(ret, s, n);
	ret[n] = '\0';
}

bool url_is_tls(const char *url)
{
	return strncmp(url, "https://", 8) == 0;
}
