#include "runner/rendezvous.h"

#include "base/fd.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A path that is short wherever the directory is. */
static void place(int dir, const char *name, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d/%.32s", dir, name);
}

int rendezvous_listen(int dir, const char *name, struct err *e)
{
	struct sockaddr_un a;
	autofd fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	place(dir, name, &a);
	unlinkat(dir, name, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 1) < 0)
		return err_sys(e, "%s", name);
	return fd_take(&fd);
}

int rendezvous_connect(int dir, const char *name, struct err *e)
{
	struct sockaddr_un a;
	autofd fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	place(dir, name, &a);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
		return err_sys(e, "%s", name);
	return fd_take(&fd);
}
