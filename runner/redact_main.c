/* courser-redact: standard input masked to standard output. fd 3 holds the secrets, a JSON array of
 * strings. */
#include "base/fd.h"
#include "executor/redact_stream.h"
#include "protocol/strings.h"
#include "sandbox/confine.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum { SECRETS = 3, SECRETS_BYTES = 16 << 20 };

static int add(void *arg, const char *s, size_t n, struct err *e)
{
	char name[40];
	static unsigned count;
	snprintf(name, sizeof name, "secret %u", ++count);
	return redact_set_add(arg, name, s, n, e);
}

static int build(struct redact_set *set, struct err *e)
{
	struct buf text = BUF(SECRETS_BYTES);
	int r = fd_read_all(SECRETS, &text, e);
	if (r == 0)
		r = json_strings_parse(buf_cstr(&text), text.len, add, set, e);
	buf_wipe(&text);
	if (r < 0)
		return err_wrap(e, "secrets");
	return redact_set_build(set, e);
}

/* A line each, as a warning of the command. */
static void warn(const char *lines)
{
	while (*lines) {
		int n = (int)strcspn(lines, "\n");
		fprintf(stderr, "courser: warning: %.*s\n", n, lines);
		lines += n + (lines[n] == '\n');
	}
}

static int redact(struct err *e)
{
	static const struct confine confine = { .profile = "redact" };
	if (confine_role(&confine, e) < 0)
		return EX_OSERR;
	struct redact_set *set = redact_set_new(NULL, e);
	int status = EX_OK;
	if (!set || build(set, e) < 0)
		status = EX_DATAERR;
	else
		warn(redact_set_warnings(set));
	if (status == EX_OK && redact_stream(STDIN_FILENO, STDOUT_FILENO, set, e) < 0)
		status = EX_IOERR;
	redact_set_free(set);
	return status;
}

int main(void)
{
	struct err e = { 0 };
	int status = redact(&e);
	if (status != EX_OK)
		fprintf(stderr, "courser: error: %s\n", e.msg);
	return status;
}
