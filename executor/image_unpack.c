#include "executor/image_unpack.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "executor/archive_layer.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { ARENA_MAX = 16 << 20, LINE = 256 };

/* Unpacked, and not yet said so: the blob's lock is held until it is. */
struct fresh {
	size_t layer;
	uint32_t number;
	uint64_t bytes;
	int blob;
};

struct job {
	struct image_unpack *u;
	struct fresh fresh[IMAGE_LAYERS_MAX];
	size_t nfresh;
	struct image_record record;
	int lower[IMAGE_LAYERS_MAX]; /* what is there, the top first, from `first` on */
	size_t first;
};

struct fault_row {
	int code;
	enum image_fault fault;
};

static enum image_fault fault_of(const struct err *e)
{
	static const struct fault_row rows[] = {
		{ EBADMSG, IMAGE_DAMAGED }, { EINVAL, IMAGE_REFUSED }, { E2BIG, IMAGE_REFUSED },
		{ ENOSPC, IMAGE_DISK },     { EDQUOT, IMAGE_DISK },    { EROFS, IMAGE_DISK },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].code == e->code)
			return rows[i].fault;
	return IMAGE_INTERNAL;
}

static int keep_lower(struct job *j, uint32_t number, struct err *e)
{
	char name[STR_NUM];
	int fd = openat(j->u->store->layers, str_num(name, number),
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(e, "layer %u of the store", number);
	j->lower[--j->first] = fd;
	return 0;
}

static void say_done(const struct job *j, size_t i, const struct archive_layer_result *r,
		     uint64_t since_ms)
{
	char line[LINE], devices[64] = "", size[IMAGE_SIZE_TEXT];
	uint64_t ms = clock_ms() - since_ms;
	image_size_text(r->bytes, size);
	if (r->devices)
		snprintf(devices, sizeof devices, ", %u device nodes left out", r->devices);
	snprintf(line, sizeof line, "Unpacked layer %zu/%zu: %llu entries, %s%s (%llu.%llu s)",
		 i + 1, j->record.nlayers, (unsigned long long)r->entries, size, devices,
		 (unsigned long long)(ms / 1000), (unsigned long long)(ms % 1000 / 100));
	j->u->say(j->u->arg, line);
}

/* From the open blob into a new directory of the store. */
static int unpack_new(struct job *j, size_t i, int blob, struct err *e)
{
	const struct image_store *s = j->u->store;
	struct archive_layer_result r;
	uint32_t number = 0;
	uint64_t since = clock_ms();
	autofd dir = image_store_begin_layer(s, &number, e);
	if (dir < 0)
		return -1;
	const struct archive_layer l = {
		.from = blob,
		.to = dir,
		.lower = j->lower + j->first,
		.nlower = IMAGE_LAYERS_MAX - j->first,
		.diff = j->record.layers[i].diff,
		.max_bytes = j->u->max_bytes,
		.max_entries = j->u->max_entries,
		.single_id = j->u->single_id,
	};
	if (archive_layer_unpack(&l, &r, e) < 0) {
		image_store_drop_layer(s, number);
		return -1;
	}
	say_done(j, i, &r, since);
	j->fresh[j->nfresh++] = (struct fresh){ i, number, r.bytes,
						fcntl(blob, F_DUPFD_CLOEXEC, 0) };
	return keep_lower(j, number, e);
}

/* The blob's lock makes it one unpacker's: whoever waited for it finds the layer there. */
static int unpack_layer(struct job *j, size_t i, struct err *e)
{
	const struct image_store *s = j->u->store;
	const struct image_layer *l = &j->record.layers[i];
	uint32_t number;
	uint64_t bytes;
	if (image_store_layer(s->diffs, l->diff, &number, &bytes))
		return keep_lower(j, number, e);
	autofd blob = openat(s->blobs, l->blob, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (blob >= 0 && flock(blob, LOCK_EX) < 0)
		return err_sys(e, "its blob");
	if (image_store_layer(s->diffs, l->diff, &number, &bytes))
		return keep_lower(j, number, e);
	if (blob < 0)
		return err_set(e, ENOENT, "its blob is not there");
	int r = unpack_new(j, i, blob, e);
	/* One that could not be unpacked will not be better the next time. */
	if (r < 0 && (e->code == EBADMSG || e->code == EINVAL))
		(void)unlinkat(s->blobs, l->blob, 0);
	return r;
}

/* The same layer twice in an image is unpacked once. */
static bool is_fresh(const struct job *j, const char *diff, uint32_t *ret_number)
{
	for (size_t i = 0; i < j->nfresh; i++)
		if (strcmp(j->record.layers[j->fresh[i].layer].diff, diff) == 0) {
			*ret_number = j->fresh[i].number;
			return true;
		}
	return false;
}

static int unpack_all(struct job *j, struct err *e)
{
	uint32_t number;
	for (size_t i = 0; i < j->record.nlayers; i++) {
		int r = is_fresh(j, j->record.layers[i].diff, &number) ? keep_lower(j, number, e)
								       : unpack_layer(j, i, e);
		if (r < 0)
			return err_wrap(e, "layer %zu", i + 1);
	}
	return 0;
}

/* What was unpacked becomes everybody's, whatever came after it: once it is on the disk, all at once. */
static int keep_fresh(struct job *j, struct err *e)
{
	const struct image_store *s = j->u->store;
	int r = 0;
	if (j->nfresh && syncfs(s->layers) < 0)
		r = err_sys(e, "image store");
	for (size_t i = 0; i < j->nfresh; i++) {
		struct fresh *f = &j->fresh[i];
		const struct image_layer *l = &j->record.layers[f->layer];
		if (r == 0)
			r = image_store_end_layer(s, l->diff, f->number, f->bytes, e);
		if (r == 0)
			(void)unlinkat(s->blobs, l->blob, 0);
		else
			image_store_drop_layer(s, f->number);
		fd_close(&f->blob);
	}
	return r;
}

static int publish(struct job *j, int record, struct err *e)
{
	autobuf text = BUF(IMAGE_RECORD_MAX);
	if (lseek(record, 0, SEEK_SET) < 0)
		return err_sys(e, "image record");
	if (fd_read_all(record, &text, e) < 0)
		return -1;
	const struct image_publish p = {
		.key = j->u->key,
		.digest = j->record.digest,
		.record = &text,
		.private = j->u->private,
		.owner = j->u->owner,
	};
	return image_store_publish(j->u->store, &p, e);
}

int image_unpack(struct image_unpack *u, int record, struct err *e)
{
	struct job j = { .u = u, .first = IMAGE_LAYERS_MAX };
	struct arena a = ARENA(ARENA_MAX);
	autofd lock = image_store_lock(u->store, false, e);
	int r = lock < 0 ? -1 : image_record_load(record, &a, &j.record, e);
	if (r == 0)
		r = unpack_all(&j, e);
	if (r < 0)
		u->fault = fault_of(e);
	struct err late = { 0 };
	if (keep_fresh(&j, &late) < 0 || (r == 0 && publish(&j, record, &late) < 0)) {
		*e = r < 0 ? *e : late;
		u->fault = r < 0 ? u->fault : fault_of(e);
		r = -1;
	}
	for (size_t i = j.first; i < IMAGE_LAYERS_MAX; i++)
		fd_close(&j.lower[i]);
	arena_done(&a);
	return r;
}
