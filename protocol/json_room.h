/*
 * A room for documents that are read, taken from and dropped: what they need comes from one place and is
 * given back as a whole. A process that lives long after one large document keeps no holes of it.
 */
#ifndef PROTOCOL_JSON_ROOM_H
#define PROTOCOL_JSON_ROOM_H

/* From here to json_room_leave all values are made in the room; not to be nested. Nothing that was made
 * outside may be released inside, and nothing that was made inside may be touched after. */
void json_room_enter(void);
void json_room_leave(void);

#endif
