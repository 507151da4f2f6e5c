/* Fibre switch for the System V x86-64 ABI. Resumes by an indirect jump: a return would miss the return predictor. */
#ifdef __x86_64__
    .text
    .globl maf_fibre_switch
    .hidden maf_fibre_switch
    .type maf_fibre_switch, @function
maf_fibre_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    popq %rcx
    jmp *%rcx
    .size maf_fibre_switch, .-maf_fibre_switch

    .globl maf_fibre_entry
    .hidden maf_fibre_entry
    .type maf_fibre_entry, @function
maf_fibre_entry:
    subq $8, %rsp
    movq %r12, %rdi
    call *%r13
    ud2
    .size maf_fibre_entry, .-maf_fibre_entry
#endif
    .section .note.GNU-stack,"",@progbits
