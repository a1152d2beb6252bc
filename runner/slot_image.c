#include "runner/slot_image.h"

#include "base/fd.h"
#include "executor/image_store.h"
#include "runner/host.h"
#include "runner/slot_box.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 4096 };

int slot_image_serve(struct slot *s, struct msg *m, struct err *e)
{
	char key[IMAGE_HEX + 1];
	bool private = false;
	struct err none = { 0 };
	const char *name = msg_get_str(m), *platform = msg_get_str(m);
	if (msg_end(m, e) < 0)
		return -1;
	if (strlen(name) + strlen(platform) > NAME_MAX_BYTES)
		return err_set(e, EINVAL, "image name too long");
	image_store_key(name, platform, key);
	autofd record = image_store_find(&s->host->images, key, &private, &none);
	int fd = record;
	slot_grant(s, &fd, record >= 0 ? 1 : 0, private ? "private" : "");
	return 0;
}

int slot_image_puller_fds(struct slot *s, int ret[3], struct err *e)
{
	ret[0] = fcntl(s->host->images.dir, F_DUPFD_CLOEXEC, 0);
	ret[1] = fd_sealed("http", s->options->registry_http, strlen(s->options->registry_http), e);
	ret[2] = fd_sealed("images", s->options->registry_settings,
			   strlen(s->options->registry_settings), e);
	if (ret[0] < 0)
		return err_sys(e, "image store");
	return ret[1] < 0 || ret[2] < 0 ? -1 : 0;
}

int slot_image_unpacker_fds(struct slot *s, int ret[2], struct err *e)
{
	struct userns_maps maps;
	priv_store_maps(&s->host->priv, &maps);
	ret[0] = fcntl(s->host->images.dir, F_DUPFD_CLOEXEC, 0);
	ret[1] = fd_sealed("maps", &maps, sizeof maps, e);
	if (ret[0] < 0)
		return err_sys(e, "image store");
	return ret[1] < 0 ? -1 : 0;
}

/* The numbers of the layers, the topmost first. */
static int take_layers(struct slot *s, const char *layers, struct sandbox_image *i, struct err *e)
{
	size_t n = strlen(layers) / IMAGE_HEX;
	uint64_t bytes;
	if (strlen(layers) % IMAGE_HEX || n > SANDBOX_LAYERS)
		return err_set(e, EINVAL, "image: %zu bytes of layers", strlen(layers));
	for (size_t k = 0; k < n; k++) {
		char hex[IMAGE_HEX + 1];
		memcpy(hex, layers + k * IMAGE_HEX, IMAGE_HEX);
		hex[IMAGE_HEX] = '\0';
		if (!image_store_layer(s->host->images.diffs, hex, &i->layers[n - 1 - k], &bytes))
			return err_set(e, ENOENT, "image: layer %zu is not in the store", k + 1);
	}
	i->nlayers = (uint32_t)n;
	return 0;
}

void slot_image_box(unsigned number, char out[SLOT_IMAGE_BOX])
{
	if (number)
		snprintf(out, SLOT_IMAGE_BOX, "box-%u", number);
	else
		snprintf(out, SLOT_IMAGE_BOX, "box");
}

bool slot_image_has_box(int dir)
{
	char name[SLOT_IMAGE_BOX];
	for (unsigned i = 0; i <= 1; i++) { /* the job's own, and the first beside it */
		slot_image_box(i, name);
		if (faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return true;
	}
	return false;
}

/* A directory a line. */
static int add_folders(struct sandbox_spec *spec, const char *lines, struct err *e)
{
	while (*lines) {
		char path[SANDBOX_PATH];
		size_t n = strcspn(lines, "\n");
		if (n >= sizeof path)
			return err_set(e, EINVAL, "volume \"%.80s…\" is too long", lines);
		snprintf(path, sizeof path, "%.*s", (int)n, lines);
		if (!sandbox_spec_mount(spec, SANDBOX_FOLDER, path, 0, e))
			return -1;
		lines += n + (lines[n] == '\n');
	}
	return 0;
}

int slot_image_fill(struct slot *s, const struct slot_image *want, struct err *e)
{
	struct sandbox_spec *spec = &s->order->spec;
	struct sandbox_image *i = &spec->image;
	int *fds = s->order->fds;
	char box[SLOT_IMAGE_BOX];
	size_t at = 0;
	slot_image_box(want->number, box);
	while (fds[at] >= 0)
		at++;
	if (strlen(want->user) >= sizeof i->user)
		return err_set(e, EINVAL, "image: user \"%.40s…\" is too long", want->user);
	if (take_layers(s, want->layers, i, e) < 0 || add_folders(spec, want->folders, e) < 0)
		return -1;
	snprintf(i->user, sizeof i->user, "%s", want->user);
	priv_map_image(&s->host->priv, spec);
	fds[at] = fcntl(s->host->images.layers, F_DUPFD_CLOEXEC, 0);
	if (fds[at] < 0)
		return err_sys(e, "image store");
	fds[at + 1] = fd_mkdir_open(s->dir, box, 0755, e);
	if (fds[at + 1] < 0 || priv_give_root(&s->host->priv, s->number, fds[at + 1], e) < 0)
		return err_wrap(e, "image");
	i->layers_fd = (int32_t)at;
	i->upper_fd = (int32_t)at + 1;
	return 0;
}
