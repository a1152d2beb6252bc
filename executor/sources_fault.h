/* What can go wrong with sources, for those who get them and those who must tell. */
#ifndef EXECUTOR_SOURCES_FAULT_H
#define EXECUTOR_SOURCES_FAULT_H

/* Why sources could not be had; for fetcher and packer. SOURCES_OK is no failure. */
enum sources_fault {
	SOURCES_OK,
	SOURCES_CONFIG,    /* what the job or the payload asks for cannot be done */
	SOURCES_AUTH,      /* the server refused the token */
	SOURCES_NOT_FOUND, /* no such repository, ref or commit */
	SOURCES_NETWORK,   /* the server could not be reached, or broke off */
	SOURCES_TIMEOUT,   /* out of time, or nothing came for too long */
	SOURCES_PROTOCOL,  /* the server's answer makes no sense, or is over a limit */
	SOURCES_DISK,      /* no room, no permission */
	SOURCES_CORRUPT,   /* objects are missing or damaged */
	SOURCES_HOSTILE,   /* the repository holds what may not be written to disk */
	SOURCES_CANCELLED,
	SOURCES_INTERNAL,
	SOURCES_FAULTS,
};

/* "auth", "not found" …; and what a person can do about it, one sentence. */
const char *sources_fault_name(enum sources_fault f) __attribute__((returns_nonnull));
const char *sources_fault_advice(enum sources_fault f) __attribute__((returns_nonnull));

#endif
