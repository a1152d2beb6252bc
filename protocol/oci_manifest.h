/* What a registry says an image is: manifests, indexes and configurations of OCI and Docker. Pure. */
#ifndef PROTOCOL_OCI_MANIFEST_H
#define PROTOCOL_OCI_MANIFEST_H

#include "base/arena.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	OCI_MANIFEST_MAX = 4 << 20,
	OCI_CONFIG_MAX = 1 << 20,
	OCI_LAYERS_MAX = 127,
	OCI_LIST_MAX = 1024, /* entries of an index, variables, words of a command */
};

/* Everything that is understood, for the header of a request: without it a registry answers 404. */
#define OCI_ACCEPT                                                    \
	"Accept: application/vnd.oci.image.index.v1+json, "           \
	"application/vnd.docker.distribution.manifest.list.v2+json, " \
	"application/vnd.oci.image.manifest.v1+json, "                \
	"application/vnd.docker.distribution.manifest.v2+json"

struct oci_platform {
	const char *os, *arch, *variant; /* "linux", "amd64", "" */
};

/* "linux/arm64/v8", "amd64" (linux then), "" (this machine). -1 when it is none (EINVAL). */
int oci_platform_parse(const char *text, struct arena *a, struct oci_platform *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

struct oci_blob {
	const char *digest; /* checked: oci_digest_ok */
	uint64_t size;
};

/* Either an index whose `chosen` is the manifest for the platform, or an image. */
struct oci_manifest {
	bool is_index;
	struct oci_blob chosen;
	struct oci_blob config;
	const struct oci_blob *layers; /* bottom first, at least one */
	size_t nlayers;
};

/* What came; type: its Content-Type, "" unknown. */
struct oci_answer {
	const char *text, *type;
	size_t n;
};

/*
 * Decided by its shape; one that has both shapes is refused, as is one whose media type says the
 * other. -1: EINVAL malformed, ENOENT an index without
 * the platform (the text lists what there is), ENOTSUP what is understood and not taken.
 */
int oci_manifest_parse(const struct oci_answer *from, const struct oci_platform *want,
		       struct arena *a, struct oci_manifest *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* How an image wants to be run, and what its layers are when they are unpacked. */
struct oci_config {
	const char *os, *arch, *user, *workdir;
	const char *const *env, *const *entrypoint, *const *command;
	const char *const *ports;    /* exposed: "5432/tcp" as it is written */
	const char *const *diff_ids; /* checked digests, bottom first */
	size_t nenv, nentrypoint, ncommand, nports, ndiff_ids;
};

int oci_config_parse(const char *text, size_t n, struct arena *a, struct oci_config *ret,
		     struct err *e) __attribute__((nonnull, warn_unused_result));

/* The first of a registry's errors, "CODE: message" on one line, appended to ret; nothing when
 * there is none. */
void oci_error_text(const char *text, size_t n, struct buf *ret) __attribute__((nonnull));

#endif
