#include "sandbox/etc.h"

#include "base/fd.h"
#include "sandbox/mounts.h"
#include "sandbox/rootfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { ETC_BYTES = 1 << 20, TEXT = 8 << 10 };

/* Accounts, keys, remote access, the machine's identity, ourselves and our kind. Beside these
 * whatever is not readable by everybody. */
static const char *const private_names[] = {
	"passwd*",
	"shadow*",
	"group*",
	"gshadow*",
	"subuid*",
	"subgid*",
	"sudoers*",
	"sudo*.conf",
	"doas.conf",
	"ssh",
	"security",
	"pam.*",
	"machine-id",
	"hostid",
	"hostname",
	"hosts",
	"hosts.*",
	"resolv.conf",
	"nsswitch.conf",
	"mtab",
	"fstab",
	"crypttab",
	"exports*",
	"cron*",
	"anacrontab",
	"at.*",
	"systemd",
	"init.d",
	"rc?.d",
	"rcS.d",
	"courser*",
	"gitlab*",
	"act_runner*",
	"*runner*",
	"docker*",
	"containerd*",
	"containers",
	"kubernetes",
	"rancher",
	"cni",
	"libvirt",
	"vault*",
	"openbao*",
	"consul*",
	"nomad*",
	"wireguard",
	"openvpn*",
	"ipsec.*",
	"swanctl",
	"ppp",
	"netplan",
	"network*",
	"NetworkManager",
	"wpa_supplicant",
	"letsencrypt",
	"krb5*",
	"sssd",
	"ldap*",
	"samba",
	"cloud",
	"polkit-1",
	"dbus-1",
	"udev",
	"default",
	"mysql",
	"postgresql",
	"exim4",
	"postfix",
	"nginx",
	"apache2",
	"prometheus*",
	"grafana*",
	".*",
};

/* Private below what is shown. */
static const char *const private_below[][2] = { { "ssl", "private" }, { "pki", "tls" } };

bool etc_is_private(const char *name)
{
	for (size_t i = 0; i < sizeof private_names / sizeof *private_names; i++)
		if (fnmatch(private_names[i], name, 0) == 0)
			return true;
	return false;
}

static bool is_hidden(int etc, const char *name)
{
	struct stat st;
	if (etc_is_private(name) || fstatat(etc, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return true;
	mode_t all = S_ISDIR(st.st_mode) ? S_IROTH | S_IXOTH : S_IROTH;
	return (st.st_mode & all) != all ||
	       !(S_ISDIR(st.st_mode) || S_ISREG(st.st_mode) || S_ISLNK(st.st_mode));
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static DIR *etc_open(struct stat *st, struct err *e)
{
	DIR *d = opendir("/etc");
	if (d && fstat(dirfd(d), st) == 0)
		return d;
	err_sys(e, "/etc");
	if (d)
		closedir(d);
	return NULL;
}

static int look_up(struct etc_hidden *h, DIR *d, struct err *e)
{
	h->n = 0;
	for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
		if (is_dots(entry->d_name) || !is_hidden(dirfd(d), entry->d_name))
			continue;
		size_t n = strlen(entry->d_name);
		if (h->n == ETC_NAMES || n >= ETC_NAME)
			return err_set(e, E2BIG, "/etc/%s: too much to hide", entry->d_name);
		memcpy(h->names[h->n++], entry->d_name, n + 1);
	}
	return 0;
}

int etc_refresh(struct etc_hidden *h, struct err *e)
{
	struct stat st;
	if (stat("/etc", &st) == 0 && h->n && st.st_mtim.tv_sec == h->changed.tv_sec &&
	    st.st_mtim.tv_nsec == h->changed.tv_nsec)
		return 0;
	DIR *d = etc_open(&st, e);
	if (!d)
		return -1;
	int r = look_up(h, d, e);
	closedir(d);
	h->changed = r == 0 ? st.st_mtim : (struct timespec){ 0 };
	return r;
}

static bool hides(const struct etc_hidden *h, const char *name)
{
	for (size_t i = 0; i < h->n; i++)
		if (strcmp(h->names[i], name) == 0)
			return true;
	return false;
}

/* A directory is watched before it is read; one that went, or may not be read, holds nothing. */
static int watch_one(int watch, const char *path, struct err *e)
{
	enum { MASK = IN_CREATE | IN_DELETE | IN_MOVE | IN_ATTRIB | IN_ONLYDIR | IN_DONT_FOLLOW };
	if (inotify_add_watch(watch, path, MASK) >= 0 || errno == ENOENT || errno == EACCES)
		return 0;
	return err_sys(e, "%s", path);
}

static int watch_all(int watch, const struct etc_hidden *h, struct err *e)
{
	char etc[] = "/etc";
	char *const roots[] = { etc, NULL };
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (!walk)
		return err_sys(e, "%s", etc);
	int r = 0;
	for (FTSENT *at; r == 0 && (at = fts_read(walk)) != NULL;) {
		if (at->fts_info != FTS_D)
			continue;
		if (at->fts_level > FTS_ROOTLEVEL && hides(h, at->fts_name))
			fts_set(walk, at, FTS_SKIP);
		else
			r = watch_one(watch, at->fts_path, e);
	}
	fts_close(walk);
	return r;
}

int etc_watch(const struct etc_hidden *h, struct err *e)
{
	autofd watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch < 0)
		return err_sys(e, "inotify");
	return watch_all(watch, h, e) < 0 ? err_wrap(e, "watch") : fd_take(&watch);
}

/* A whiteout of an overlay: what is below by this name does not exist. */
static int whiteout(int dir, const char *name, struct err *e)
{
	if (mknodat(dir, name, S_IFCHR, makedev(0, 0)) < 0 && errno != EEXIST)
		return err_sys(e, "hide %s", name);
	return 0;
}

static int hide(int etc, const struct etc_hidden *h, struct err *e)
{
	for (size_t i = 0; i < h->n; i++)
		if (whiteout(etc, h->names[i], e) < 0)
			return -1;
	for (size_t i = 0; i < sizeof private_below / sizeof *private_below; i++) {
		struct err ignored = { 0 };
		if (mkdirat(etc, private_below[i][0], 0755) < 0)
			continue;
		autofd dir = openat(etc, private_below[i][0], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir >= 0 && whiteout(dir, private_below[i][1], &ignored) < 0)
			return err_set(e, ignored.code, "%s", ignored.msg);
	}
	return 0;
}

static int write_ours(int etc, const char *name, const char *text, struct err *e)
{
	autofd fd = openat(etc, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(e, "%s", name);
	return fd_write_all(fd, text, strlen(text), e) < 0 ? err_wrap(e, "%s", name) : 0;
}

/* The host's file, for who shares the host's network; "" when there is none. */
static void host_text(const struct setup *s, const char *path, char *out)
{
	out[0] = '\0';
	if (s->spec->net != SANDBOX_NET_HOST)
		return;
	autofd fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, out, TEXT - 1);
	out[n < 0 ? 0 : n] = '\0';
}

static int accounts(const struct setup *s, int etc, struct err *e)
{
	const struct sandbox_spec *p = s->spec;
	char text[512 + SANDBOX_PATH];
	snprintf(text, sizeof text,
		 "root:x:0:0:root:/:/usr/sbin/nologin\njob:x:%u:%u:job:%s:/bin/sh\n"
		 "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
		 p->uid, p->gid, p->home);
	if (write_ours(etc, "passwd", text, e) < 0)
		return -1;
	snprintf(text, sizeof text, "root:x:0:\ntty:x:5:\njob:x:%u:\nnogroup:x:65534:\n", p->gid);
	return write_ours(etc, "group", text, e);
}

/* A line for each name: some resolvers give up on long ones. */
static size_t alias_lines(const char *aliases, char *out, size_t size)
{
	size_t at = 0;
	out[0] = '\0';
	for (const char *s = aliases; *s && at < size;) {
		size_t n = strcspn(s, " ");
		if (n)
			at += (size_t)snprintf(out + at, size - at, "127.0.0.1 %.*s\n", (int)n, s);
		s += n + (s[n] == ' ');
	}
	return at < size ? at : size - 1;
}

static int network_files(const struct setup *s, int etc, struct err *e)
{
	enum { LINES = SANDBOX_ALIASES * 6 }; /* "127.0.0.1 " to a letter and its space */
	char host[TEXT], text[LINES + TEXT + 256];
	host_text(s, "/etc/hosts", host);
	int at = snprintf(text, sizeof text, "127.0.0.1 localhost %s\n::1 localhost\n",
			  s->spec->hostname);
	size_t n = alias_lines(s->spec->aliases, text + at, LINES);
	snprintf(text + at + n, sizeof text - (size_t)at - n, "%s", host);
	if (write_ours(etc, "hosts", text, e) < 0)
		return -1;
	host_text(s, "/etc/resolv.conf", host);
	if (write_ours(etc, "resolv.conf", host, e) < 0)
		return -1;
	snprintf(text, sizeof text, "%s\n", s->spec->hostname);
	return write_ours(etc, "hostname", text, e);
}

/* In a directory that has its own: a link there leads wherever the image's maker wanted. */
int etc_network(const struct setup *s, int etc, struct err *e)
{
	static const char *const names[] = { "hosts", "resolv.conf", "hostname" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (unlinkat(etc, names[i], 0) < 0 && errno != ENOENT)
			return err_sys(e, "/etc/%s", names[i]);
	return network_files(s, etc, e);
}

static int ours(const struct setup *s, int etc, struct err *e)
{
	if (accounts(s, etc, e) < 0 || network_files(s, etc, e) < 0)
		return -1;
	if (symlinkat("/proc/self/mounts", etc, "mtab") < 0)
		return err_sys(e, "mtab");
	return write_ours(etc, "nsswitch.conf",
			  "passwd: files\ngroup: files\nhosts: files dns\nnetworks: files\n"
			  "protocols: files\nservices: files\n",
			  e);
}

/* One entry of the host's /etc, by a mount of its own: where there is no overlay. */
static int show(int etc, const struct dirent *entry, struct err *e)
{
	char host[PATH_MAX], to[PATH_MAX];
	snprintf(host, sizeof host, "/etc/%s", entry->d_name);
	if (entry->d_type == DT_LNK) {
		ssize_t n = readlink(host, to, sizeof to - 1);
		to[n < 0 ? 0 : n] = '\0';
		return n < 0 || symlinkat(to, etc, entry->d_name) < 0 ? err_sys(e, "%s", host) : 0;
	}
	autofd tree = mounts_clone(AT_FDCWD, host, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, e);
	autofd target = mounts_target(etc, entry->d_name, entry->d_type != DT_DIR, e);
	return tree < 0 || target < 0 ? -1 : mounts_move(tree, target, e);
}

static int show_each(int etc, const struct etc_hidden *h, struct err *e)
{
	struct stat st;
	DIR *d = etc_open(&st, e);
	int r = d ? 0 : -1;
	for (struct dirent *entry; r == 0 && (entry = readdir(d)) != NULL;) {
		if (!hides(h, entry->d_name) && !is_dots(entry->d_name))
			r = show(etc, entry, e);
	}
	if (d)
		closedir(d);
	return r;
}

/* Where ours is made first, the host's own of the same name must not be met as a whiteout: hide()
 * leaves existing names alone. */
int etc_mount(struct setup *s, struct err *e)
{
	if (s->staged)
		return 0;
	if (rootfs_tmpfs(s, "etc", "0755", ETC_BYTES, e) < 0)
		return -1;
	autofd etc = open("etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (etc < 0)
		return err_sys(e, "etc");
	if (ours(s, etc, e) < 0)
		return -1;
	if (hide(etc, s->hidden, e) == 0 &&
	    mount("etc", "etc", "overlay", MS_RDONLY | MS_NOSUID | MS_NODEV, "lowerdir=etc:/etc") ==
		    0)
		return 0;
	setup_note(s, "no overlay: /etc by single mounts");
	if (umount2("etc", MNT_DETACH) < 0 || rootfs_tmpfs(s, "etc", "0755", ETC_BYTES, e) < 0)
		return err_sys(e, "etc");
	autofd plain = open("etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (plain < 0)
		return err_sys(e, "etc");
	if (ours(s, plain, e) < 0)
		return -1;
	err_clear(e);
	return show_each(plain, s->hidden, e);
}
