#include "runner/facts.h"

#include "base/fd.h"
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LEAD = 4 }; /* "1 0\n" */

int facts_write(const struct profile_facts *f, struct buf *out, struct err *e)
{
	return buf_printf(out, e, "%d %d\n%s", f->protected_ref, f->from_fork, f->labels);
}

int facts_read(const char *text, struct profile_facts *ret, struct err *e)
{
	if (strnlen(text, LEAD) < LEAD || text[LEAD - 1] != '\n')
		return err_set(e, EBADMSG, "facts: malformed");
	*ret = (struct profile_facts){ text[0] == '1', text[2] == '1', text + LEAD };
	return 0;
}

static int start(struct proc *p, int payload, int out, const char *forge, struct err *e)
{
	char name[16];
	char *const argv[] = { (char[]){ "facts" }, name, NULL }, *const envp[] = { NULL };
	snprintf(name, sizeof name, "%s", forge);
	autofd libexec = proc_libexec(e);
	autofd exe = libexec < 0 ? -1 : openat(libexec, "courser-facts", O_PATH | O_CLOEXEC);
	if (exe < 0)
		return e->code ? -1 : err_sys(e, "courser-facts");
	const struct proc_spec spec = {
		.exe = exe,
		.argv = argv,
		.envp = envp,
		.stdio = { payload, out, -1 },
	};
	return proc_spawn(p, &spec, e);
}

int facts_of(int payload, const char *forge, struct buf *out, struct err *e)
{
	struct proc p = { 0, -1 };
	int pair[2];
	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	autofd ours = pair[0];
	autofd theirs = pair[1];
	if (start(&p, payload, theirs, forge, e) < 0)
		return -1;
	fd_close(&theirs);
	int read = fd_read_all(ours, out, e), status = proc_wait(&p);
	return read < 0 || status != 0 ? -1 : 0;
}
