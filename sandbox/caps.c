#include "sandbox/caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	CAP_BITS = 64, /* more than there are: EINVAL ends the loop */
	SECURE = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
		 SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
		 SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
};

static int bound(uint64_t keep, struct err *e)
{
	for (unsigned long cap = 0; cap < CAP_BITS; cap++) {
		if (keep >> cap & 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
			if (errno == EINVAL && cap > CAP_AUDIT_READ)
				break;
			return err_sys(e, "capability %lu", cap);
		}
	}
	return 0;
}

int caps_drop_bounding(struct err *e)
{
	if (bound(0, e) < 0)
		return -1;
	return prctl(PR_SET_SECUREBITS, SECURE, 0, 0, 0) < 0 ? err_sys(e, "securebits") : 0;
}

static int set(uint64_t caps, struct err *e)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		data[i].effective = data[i].permitted = (uint32_t)(caps >> 32 * i);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_sys(e, "ambient set");
	return syscall(SYS_capset, &head, data) < 0 ? err_sys(e, "capset") : 0;
}

int caps_drop_sets(struct err *e)
{
	return set(0, e);
}

int caps_keep(uint64_t caps, struct err *e)
{
	return bound(caps, e) < 0 ? -1 : set(caps, e);
}

int caps_forswear(struct err *e)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? err_sys(e, "no_new_privs") : 0;
}

#define POWER(name) (1ULL << CAP_##name)
/* What a package manager or a database asks for in a container; within the job's own user namespace. */
static const uint64_t image_powers = POWER(CHOWN) | POWER(DAC_OVERRIDE) | POWER(FOWNER) |
				     POWER(FSETID) | POWER(SETUID) | POWER(SETGID) |
				     POWER(SETFCAP) | POWER(KILL) | POWER(NET_BIND_SERVICE) |
				     POWER(SYS_CHROOT);

int caps_bound(struct setup *s, struct err *e)
{
	return s->spec->image.nlayers ? bound(image_powers, e) : caps_drop_bounding(e);
}

int caps_setup(struct setup *s, struct err *e)
{
	bool root = s->spec->image.nlayers && s->spec->uid == 0;
	return set(root ? image_powers : 0, e);
}

int caps_no_new_privs(struct setup *s, struct err *e)
{
	(void)s;
	return caps_forswear(e);
}
