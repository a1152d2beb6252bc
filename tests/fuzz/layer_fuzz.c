/* A layer as a registry sends it, and an image's record: taken or refused with words, and nothing is ever
 * written outside of the layer's directory. The first byte says as what the rest is read. */
#include "base/fd.h"
#include "executor/archive_layer.h"
#include "executor/layer_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { ROOM = 8 << 20, MOST = 4 << 20, ENTRIES = 2000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void need(int holds)
{
	if (!holds)
		abort();
}

static void look_layer(const uint8_t *data, size_t n)
{
	struct err e = { 0 };
	struct stat st;
	char path[] = "/tmp/layer-fuzz-XXXXXX";
	need(mkdtemp(path) != NULL);
	autofd top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autofd to = fd_mkdir_open(top, "layer", 0755, &e);
	autofd blob = fd_sealed("blob", data, n, &e);
	need(to >= 0 && blob >= 0);
	struct archive_layer l = { .from = blob,
				   .to = to,
				   .diff = "none",
				   .max_bytes = MOST,
				   .max_entries = ENTRIES,
				   .single_id = true };
	struct archive_layer_result r;
	need(archive_layer_unpack(&l, &r, &e) == -1 && e.msg[0] && r.bytes <= MOST);
	need(fd_remove_tree(top, "layer", &e) == 0);
	need(fstat(top, &st) == 0 && st.st_nlink == 2);
	need(rmdir(path) == 0); /* empty: nothing came to stand beside the layer */
}

static void look_record(const uint8_t *data, size_t n)
{
	struct arena a = ARENA(ROOM);
	struct err e = { 0 };
	struct image_record r;
	char *text = arena_strndup(&a, (const char *)data, n, &e);
	if (text && image_record_read(text, n, &a, &r, &e) == 0) {
		need(image_hex_ok(r.digest) && r.nlayers > 0 && r.nlayers <= IMAGE_LAYERS_MAX);
		for (size_t i = 0; i < r.nlayers; i++)
			need(image_hex_ok(r.layers[i].diff) && image_hex_ok(r.layers[i].blob));
	} else {
		need(e.msg[0] != '\0');
	}
	arena_done(&a);
}

static void look_name(const uint8_t *data, size_t n)
{
	struct err e = { 0 };
	char name[PATH_MAX], got[PATH_MAX], again[PATH_MAX];
	snprintf(name, sizeof name, "%.*s", (int)n, (const char *)data);
	if (layer_name(name, got, &e) < 0) {
		need(e.code == EINVAL);
		return;
	}
	need(got[0] != '/' && !strstr(got, "//") && strcmp(got, "..") != 0 &&
	     strncmp(got, "../", 3) != 0 && !strstr(got, "/../"));
	need(layer_name(got, again, &e) == 0 && strcmp(got, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static void (*const looks[])(const uint8_t *, size_t) = { look_layer, look_record,
								  look_name };
	if (n)
		looks[data[0] % (sizeof looks / sizeof *looks)](data + 1, n - 1);
	return 0;
}
