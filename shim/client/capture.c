#include "internal.h"
int maf_capture_memory(struct maf_stream *s, int node_type, uint64_t address){(void)s,(void)node_type,(void)address;return 801;}
int maf_capture_record(struct maf_stream *s, struct maf_event *e){(void)s,(void)e;return 801;}
int maf_capture_wait(struct maf_stream *s, struct maf_event *e){(void)s,(void)e;return 801;}
int maf_capture_violated(struct maf_stream *s){(void)s;return 900;}
void maf_capture_forget(struct maf_stream *s){(void)s;}
int maf_capture_unsafe(void){return 0;}
void *maf_capture_begin(struct maf_stream *s, uint32_t kind, uint64_t bytes){(void)s,(void)kind,(void)bytes;return 0;}
int maf_capture_end(struct maf_stream *s, void *command, int node_type, void *object){(void)s,(void)command,(void)node_type,(void)object;return 801;}
int maf_stream_is_capturing(void *s){(void)s;return 0;}
