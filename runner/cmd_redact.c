/* courser redact: starts the role that has a JSON library. */
#include "runner/cmd.h"

#include "base/fd.h"
#include "base/proc.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>

static int open_secrets(const char *path, struct err *e)
{
	if (strcmp(path, "-") == 0)
		return err_set(e, EINVAL, "--secrets: standard input is what gets masked");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "%s", path) : fd;
}

int cmd_redact(const struct command_line *l, struct err *e)
{
	char *const argv[] = { (char[]){ "redact" }, NULL }, *const envp[] = { NULL };
	struct proc p = { 0, -1 };
	autofd secrets = open_secrets(command_value(l, "secrets"), e);
	if (secrets < 0)
		return e->code == EINVAL ? EX_USAGE : EX_NOINPUT;
	autofd libexec = proc_libexec(e);
	if (libexec < 0)
		return EX_OSERR;
	autofd exe = openat(libexec, "courser-redact", O_PATH | O_CLOEXEC);
	if (exe < 0) {
		err_sys(e, "courser-redact");
		return EX_OSERR;
	}
	struct proc_spec spec = {
		.exe = exe,
		.argv = argv,
		.envp = envp,
		.fds = &secrets,
		.nfds = 1,
		.stdio = { -1, -1, -1 },
	};
	if (proc_spawn(&p, &spec, e) < 0)
		return EX_OSERR;
	return proc_wait(&p);
}
