#include "sandbox/landlock.h"

#include "base/fd.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Newer than the headers of Debian 12; what each ABI added. */
enum {
	FS_REFER = 1 << 13,     /* 2 */
	FS_TRUNCATE = 1 << 14,  /* 3 */
	FS_IOCTL_DEV = 1 << 15, /* 5 */
	NET_BIND_CONNECT = 3,   /* 4 */
	SCOPE_BOTH = 3,         /* 6: abstract unix sockets, signals */
	FS_FIRST = (1 << 13) - 1,
	ABI_USEFUL = 2,
	ABI_KNOWN = 6,
};

struct ruleset {
	uint64_t fs, net, scoped;
};

static const uint64_t fs_by_abi[ABI_KNOWN + 1] = {
	[1] = FS_FIRST,
	[2] = FS_FIRST | FS_REFER,
	[3] = FS_FIRST | FS_REFER | FS_TRUNCATE,
	[4] = FS_FIRST | FS_REFER | FS_TRUNCATE,
	[5] = FS_FIRST | FS_REFER | FS_TRUNCATE | FS_IOCTL_DEV,
	[6] = FS_FIRST | FS_REFER | FS_TRUNCATE | FS_IOCTL_DEV,
};

/* The kernel refuses bytes it does not know of, unless they are zero. */
static const size_t size_by_abi[ABI_KNOWN + 1] = {
	[1] = 8, [2] = 8, [3] = 8, [4] = 16, [5] = 16, [6] = 24,
};

enum {
	RIGHTS_READ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
	RIGHTS_DEVICES = LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV,
	RIGHTS_WRITE = (FS_FIRST | FS_REFER | FS_TRUNCATE | FS_IOCTL_DEV) &
		       ~(RIGHTS_READ | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_BLOCK),
	RIGHTS_OF_A_FILE = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |
			   RIGHTS_DEVICES,
};

int landlock_new(struct landlock *l, bool network, struct err *e)
{
	*l = (struct landlock){ .fd = -1 };
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : err_sys(e, "version");
	l->abi = (int)abi;
	if (l->abi < ABI_USEFUL)
		return 0;
	int known = l->abi < ABI_KNOWN ? l->abi : ABI_KNOWN;
	struct ruleset r = {
		.fs = fs_by_abi[known],
		.net = network || known < 4 ? 0 : NET_BIND_CONNECT,
		.scoped = known < 6 ? 0 : SCOPE_BOTH,
	};
	l->handled = r.fs;
	l->fd = (int)syscall(SYS_landlock_create_ruleset, &r, size_by_abi[known], 0);
	return l->fd < 0 ? err_sys(e, "ruleset") : 0;
}

int landlock_allow(const struct landlock *l, int fd, unsigned rights, struct err *e)
{
	static const uint64_t masks[] = { RIGHTS_READ, RIGHTS_WRITE, LANDLOCK_ACCESS_FS_EXECUTE,
					  RIGHTS_DEVICES };
	struct landlock_path_beneath_attr rule = { .parent_fd = fd };
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat");
	for (unsigned i = 0; i < sizeof masks / sizeof *masks; i++)
		if (rights >> i & 1)
			rule.allowed_access |= masks[i] & l->handled;
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= RIGHTS_OF_A_FILE;
	if (!rule.allowed_access || l->fd < 0)
		return 0;
	if (syscall(SYS_landlock_add_rule, l->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return err_sys(e, "rule");
	return 0;
}

int landlock_apply(struct landlock *l, struct err *e)
{
	long r = l->fd < 0 ? 0 : syscall(SYS_landlock_restrict_self, l->fd, 0);
	fd_close(&l->fd);
	return r < 0 ? err_sys(e, "restrict") : 0;
}

static int allow_path(const struct landlock *l, const char *path, unsigned rights, struct err *e)
{
	autofd fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "%s", path);
	return landlock_allow(l, fd, rights, e) < 0 ? err_wrap(e, "%s", path) : 0;
}

static int allow_all(const struct landlock *l, const struct sandbox_spec *p, struct err *e)
{
	static const struct {
		const char *path;
		unsigned rights;
	} fixed[] = {
		{ "/", LANDLOCK_READ | LANDLOCK_EXEC },
		{ "/tmp", LANDLOCK_WRITE },
		{ "/run", LANDLOCK_WRITE },
		{ "/dev", LANDLOCK_DEVICES },
		{ "/dev/shm", LANDLOCK_WRITE },
		{ "/proc", LANDLOCK_DEVICES },
	};
	if (p->image.nlayers) /* all of it is the job's; what is not, is so by other means */
		return allow_path(l, "/",
				  LANDLOCK_READ | LANDLOCK_WRITE | LANDLOCK_EXEC | LANDLOCK_DEVICES,
				  e);
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		if (allow_path(l, fixed[i].path, fixed[i].rights, e) < 0)
			return -1;
	for (uint32_t i = 0; i < p->nmounts; i++)
		if (!(p->mounts[i].flags & SANDBOX_READONLY) &&
		    allow_path(l, p->mounts[i].target, LANDLOCK_WRITE, e) < 0)
			return -1;
	if (allow_path(l, p->work, LANDLOCK_WRITE, e) < 0)
		return -1;
	return allow_path(l, p->home, LANDLOCK_WRITE, e);
}

int landlock_setup(struct setup *s, struct err *e)
{
	struct landlock l;
	if (s->spec->profile == SANDBOX_PROFILE_NESTED) {
		setup_note(s, "landlock: not used, it would forbid the mounts of profile nested");
		return 0;
	}
	if (landlock_new(&l, true, e) < 0)
		return -1;
	if (l.abi < ABI_KNOWN)
		setup_note(s, l.fd < 0 ? "landlock: ABI %d, not used" : "landlock: ABI %d", l.abi);
	if (l.fd < 0)
		return 0;
	if (allow_all(&l, s->spec, e) < 0) {
		fd_close(&l.fd);
		return -1;
	}
	return landlock_apply(&l, e);
}
