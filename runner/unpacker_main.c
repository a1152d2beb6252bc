/* courser-unpacker: makes layers of blobs (executor/image.h is the contract). It parses what strangers
 * made, so it is root only over ids that belong to nobody, sees nothing but the store, and has no network.
 * argv: role, "-", and "wipe" to empty the directory that is its fd 4 instead. */
#include "base/coverage.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/verb.h"
#include "base/msg.h"
#include "executor/image_unpack.h"
#include "sandbox/confine.h"
#include "sandbox/userns.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

enum {
	FD_WORKER = 3,
	FD_STORE,
	FD_MAPS,
	ENTRIES_MAX = 4 << 20, /* of one layer */
};

static const uint64_t LAYER_BYTES = 64ULL << 30;

#define CAP(name) (1ULL << CAP_##name)
static const uint64_t POWERS = CAP(CHOWN) | CAP(DAC_OVERRIDE) | CAP(FOWNER) | CAP(FSETID) |
			       CAP(SETFCAP);

/* The store becomes the root: no name in a layer means anything else. */
static int confine(struct err *e)
{
	static const struct confine_path paths[] = {
		{ AT_FDCWD, "/", CONFINE_READ | CONFINE_WRITE },
	};
	struct confine c = {
		.profile = "unpacker",
		.keep = POWERS,
		.paths = paths,
		.npaths = sizeof paths / sizeof *paths,
		.nofile = 1024,
	};
	if (fchdir(FD_STORE) < 0 || chroot(".") < 0)
		return err_sys(e, "the store as root");
	return confine_role(&c, e);
}

static int read_maps(struct userns_maps *maps, struct err *e)
{
	ssize_t n = pread(FD_MAPS, maps, sizeof *maps, 0);
	return n == (ssize_t)sizeof *maps ? 0 : err_set(e, EINVAL, "id maps: %zd bytes", n);
}

static void say(void *arg, const char *line)
{
	struct err lost = { 0 };
	automsg m;
	(void)arg;
	msg_init(&m, IMAGE_PROGRESS);
	msg_put_str(&m, line);
	if (msg_send(FD_WORKER, &m, &lost) < 0)
		log_debug("progress is not heard", "err", lost.msg, NULL);
}

struct unpacker {
	struct image_store store;
	bool single_id;
	uint32_t owner;
};

static int fail(enum image_fault fault, const struct err *why, struct err *e)
{
	automsg m;
	msg_init(&m, IMAGE_FAILED);
	msg_put_u32(&m, fault);
	msg_put_str(&m, why->msg);
	return msg_send(FD_WORKER, &m, e);
}

static int serve_unpack(void *unpacker, struct msg *m, struct err *e)
{
	struct unpacker *p = unpacker;
	struct err why = { 0 };
	bool private = msg_get_u32(m) != 0;
	const char *key = msg_get_str(m);
	struct image_unpack u = {
		.store = &p->store,
		.private = private,
		.key = key,
		.single_id = p->single_id,
		.owner = p->owner,
		.max_bytes = LAYER_BYTES,
		.max_entries = ENTRIES_MAX,
		.say = say,
	};
	autofd record = msg_get_fd(m);
	if (msg_end(m, e) < 0)
		return -1;
	if (image_unpack(&u, record, &why) < 0)
		return fail(u.fault, &why, e);
	automsg done;
	msg_init(&done, IMAGE_UNPACKED);
	return msg_send(FD_WORKER, &done, e);
}

static int serve_trim(void *unpacker, struct msg *m, struct err *e)
{
	struct unpacker *p = unpacker;
	struct err why = { 0 };
	struct image_trimmed t;
	uint64_t max = msg_get_u64(m);
	if (msg_end(m, e) < 0)
		return -1;
	if (image_store_trim(&p->store, max, &t, &why) < 0)
		return fail(IMAGE_DISK, &why, e);
	automsg done;
	msg_init(&done, IMAGE_TRIMMED);
	msg_put_u32(&done, t.images);
	msg_put_u64(&done, t.freed);
	return msg_send(FD_WORKER, &done, e);
}

static int run(struct unpacker *p, struct err *e)
{
	static const struct verb verbs[] = {
		{ IMAGE_UNPACK, serve_unpack },
		{ IMAGE_TRIM, serve_trim },
	};
	return verb_serve(FD_WORKER, verbs, sizeof verbs / sizeof *verbs, p, e);
}

static int set_up(struct unpacker *p, struct err *e)
{
	struct userns_maps maps;
	if (!setlocale(LC_CTYPE, "C.UTF-8")) /* names in archives are UTF-8, or bytes */
		log_warn("no UTF-8 locale", NULL);
	if (read_maps(&maps, e) < 0 || userns_enter(&maps, e) < 0)
		return -1;
	p->single_id = maps.map_by == SANDBOX_MAP_SINGLE;
	if (maps.map_by == SANDBOX_MAP_HELPER) /* the runner's user, who finds it for a job */
		p->owner = maps.uids[1].inside;
	return image_store_open(&p->store, FD_STORE, e) < 0 ? -1 : confine(e);
}

/* A directory that a job left, with files of many owners: all that is in it. */
static int wipe(struct err *e)
{
	struct userns_maps maps;
	if (read_maps(&maps, e) < 0 || userns_enter(&maps, e) < 0 || confine(e) < 0)
		return -1;
	autofd root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? err_sys(e, "/") : fd_clear_tree(root, e);
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	struct unpacker p = { .store = IMAGE_STORE };
	log_setup("unpacker");
	umask(0);
	signal(SIGPIPE, SIG_IGN);
	if (argc > 2 && strcmp(argv[2], "wipe") == 0)
		(void)!wipe(&e);
	else if (set_up(&p, &e) == 0)
		(void)!run(&p, &e);
	if (e.code)
		log_error("unpacker ends", "error", e.msg, NULL);
	image_store_close(&p.store);
	coverage_flush();
	return e.code != 0;
}
