/* An image as a directory (OCI image layout): index.json, and blobs by their digest. */
#ifndef PROTOCOL_OCI_LAYOUT_H
#define PROTOCOL_OCI_LAYOUT_H

#include "protocol/oci_manifest.h"

/* The digest that index.json has for the tag; for "" the only one there is. Pure. -1 (ENOENT) with what there
 * is, EINVAL malformed. */
int oci_layout_find(const struct oci_answer *from, const char *tag, struct arena *a,
		    const char **ret, struct err *e) __attribute__((nonnull, warn_unused_result));

/* What dir's index.json says of the tag. */
int oci_layout_tag(int dir, const char *tag, struct arena *a, const char **ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The blob's file; its bytes are not looked at. */
int oci_layout_open(int dir, const char *digest, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
