/* The answer to what a job's filter refuses, for whoever holds its listener. */
#include "sandbox/sandbox.h"
#include "sandbox/seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* A newer kernel may know more of a call than our headers: it writes all of it. */
enum { ROOM = 512 };
union notice {
	struct seccomp_notif n;
	char room[ROOM];
};
union reply {
	struct seccomp_notif_resp r;
	char room[ROOM];
};

static void name_of(int number, char call[SANDBOX_CALL])
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
	const char *word = name;
	for (size_t i = 0; !word && i < seccomp_nnewer; i++)
		if (seccomp_newer[i].number == number)
			word = seccomp_newer[i].name;
	if (word)
		snprintf(call, SANDBOX_CALL, "%s", word);
	else
		snprintf(call, SANDBOX_CALL, "call %d", number);
	free(name);
}

int sandbox_refuse(int listener, char call[SANDBOX_CALL], struct err *e)
{
	union notice notice;
	union reply reply;
	memset(&notice, 0, sizeof notice); /* the kernel insists */
	memset(&reply, 0, sizeof reply);
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notice) < 0)
		return errno == ENOENT || errno == EINTR ? 0 : err_sys(e, "refused calls");
	reply.r.id = notice.n.id;
	reply.r.error = -EPERM;
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply) < 0 && errno != ENOENT)
		return err_sys(e, "refused calls");
	name_of(notice.n.data.nr, call);
	return 1;
}
