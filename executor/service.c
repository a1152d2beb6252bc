#include "executor/service.h"

#include "base/str.h"

#include <ctype.h>
#include <string.h>

enum { NAME = 255, PORT_MAX = 65535 };

/* Whether the words of text hold the n bytes at s. */
static bool has_word(const char *text, const char *s, size_t n)
{
	while (*text) {
		size_t len = strcspn(text, " ");
		if (len == n && strncmp(text, s, n) == 0)
			return true;
		text += len + (text[len] == ' ');
	}
	return false;
}

static bool word_ok(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("-._", s[i]))
			return false;
	return n > 0 && n <= NAME && s[0] != '-' && s[0] != '.';
}

static int add(struct buf *taken, const char *s, size_t n, unsigned *bad, struct err *e)
{
	if (!word_ok(s, n)) {
		++*bad;
		return 0;
	}
	if (has_word(buf_cstr(taken), s, n))
		return 0;
	if (taken->len && buf_char(taken, ' ', e) < 0)
		return -1;
	return buf_add(taken, s, n, e);
}

/* The name without tag, digest and the registry's port; of a directory on the disk its last part. */
static int strip(const char *name, struct buf *out, struct err *e)
{
	size_t n = strcspn(name, "@");
	const char *slash = memrchr(name, '/', n);
	const char *last = slash ? slash + 1 : name;
	const char *tag = memchr(last, ':', (size_t)(name + n - last));
	if (tag)
		n = (size_t)(tag - name);
	if (str_starts(name, "oci:") && slash)
		return buf_add(out, last, (size_t)(name + n - last), e);
	size_t host = strcspn(name, "/"), colon = strcspn(name, ":");
	if (host < n && colon < host)
		return buf_add(out, name, colon, e) < 0 ? -1
							: buf_add(out, name + host, n - host, e);
	return buf_add(out, name, n, e);
}

static int add_joined(const char *path, const char *with, struct buf *taken, unsigned *bad,
		      struct err *e)
{
	autobuf b = BUF(4 * NAME);
	for (; *path; path++)
		if ((*path == '/' ? buf_str(&b, with, e) : buf_char(&b, *path, e)) < 0)
			return -1;
	return add(taken, buf_cstr(&b), b.len, bad, e);
}

int service_names(const char *name, const char *alias, struct buf *taken, unsigned *ret_bad,
		  struct err *e)
{
	autobuf path = BUF(4 * NAME);
	unsigned bad = 0;
	if (*name &&
	    (strip(name, &path, e) < 0 || add_joined(buf_cstr(&path), "__", taken, &bad, e) < 0 ||
	     add_joined(buf_cstr(&path), "-", taken, &bad, e) < 0))
		return -1;
	while (*alias) {
		size_t n = strcspn(alias, ", ");
		if (n && add(taken, alias, n, &bad, e) < 0)
			return -1;
		alias += n + (alias[n] != '\0');
	}
	*ret_bad = bad;
	return 0;
}

unsigned service_port(const char *text)
{
	char number[8];
	uint64_t port;
	size_t n = strcspn(text, "/");
	if (n >= sizeof number || (text[n] && strcmp(text + n, "/tcp") != 0))
		return 0;
	memcpy(number, text, n);
	number[n] = '\0';
	return str_u64(number, PORT_MAX, &port) ? (unsigned)port : 0;
}
