"""Text to instruction and back: the parser and the printer agree on real lines of the disassembler."""

from __future__ import annotations

import pytest

from maf_vdev.translator.ir import Const, Imm, Label, LiftError, Mem, Pred, Reg, UPred, UReg
from maf_vdev.translator.sass_print import render
from maf_vdev.translator.sass_text import ParseError, parse
from maf_vdev.translator.semantics import CONTROL, TABLE

LINES = """
ATOM.E.ADD.STRONG.GPU PT, R2, [R36+0x4], R2
ATOM.E.CAS.STRONG.GPU PT, R0, [R22], R3, R0
ATOMG.E.ADD.STRONG.GPU PT, R0, [UR4], R0
ATOMG.E.ADD.STRONG.GPU PT, R3, [R2], R11
ATOMS.MIN RZ, [R0.X4+0x200], R2
ATOMS.MIN RZ, [R82.X16+0x100], R4
B2R.RESULT RZ, P0
BAR.SYNC 0x0
BAR.SYNC.DEFER_BLOCKING 0x0
BMOV.32.CLEAR RZ, B1
BMOV.32.CLEAR RZ, B3
BMSK R17, RZ, c[0x0][0x194]
BMSK R4, RZ, R4
BPT.TRAP 0x1
BRA P1, 0x210
BRA.DIV 0x6640
BREAK B0
BREAK P1, B0
BREV R5, R3
BRX R4 -0x11e0
BSSY B2, 0xee80
BSSY B8, 0x6ac0
BSYNC B1
BSYNC B6
CALL.ABS.NOINC R8
CALL.REL.NOINC 0x6890
CCTL.IVALL
CS2R R4, SR_GLOBALTIMERLO
CS2R R6, SRZ
DADD R28, R30, -R28
DADD R6, R6, R6
DFMA R10, R16, c[0x0][0x460], -R10
DFMA R6, R4, -R8, R6
DMUL R4, R2, 8.98846567431157953865e+307
DMUL.RP R6, R10, R6
DSETP.GTU.AND P0, PT, R2, -3, PT
DSETP.NAN.AND P0, PT, R4, c[0x0][0x170], PT
ERRBAR
EXIT
EXIT P1
F2F.F16.F32 R9, R9
F2F.F64.F32 R4, c[0x0][0x270]
F2I.TRUNC.NTZ R9, R9
F2I.U64.TRUNC R2, R2
FADD R0, |R5|, -RZ
FADD R3, -R3, R2
FCHK P0, R5, R4
FCHK P0, R8, 3
FFMA R10, R10, c[0x0][0x174], -R9
FFMA.RZ R10, R20, R14, R15
FLO.U32 R3, UR4
FLO.U32 R4, R3
FMNMX R25, R24, R25, !PT
FMNMX R4, R5, -INF , !PT
FMUL R15, R10, UR6
FMUL.FTZ R8, R13, 0.5
FRND.F64.TRUNC R8, R4
FRND.FLOOR R7, c[0x0][0x174]
FSEL R3, R2, c[0x0][0x37c], !P0
FSEL R30, R30, RZ, P3
FSET.BF.EQ.AND R3, R0, RZ, PT
FSET.BF.GT.AND R49, R0, c[0x0][0x238], PT
FSETP.GT.AND P2, PT, |R13|, |R12|, PT
FSETP.NEU.AND P1, PT, |R6|, |R5|, PT
HADD2.F32 R3, -RZ, c[0x0] [0x3e0].H0_H0
HADD2.F32 R4, -R4.H0_H0, -RZ.H0_H0
HMMA.1688.F32 R4, R36, R40, R4
HMUL2 R2, R96, R92
HSETP2.NEU.AND P0, PT, R35.H0_H0, RZ.H0_H0, PT
I2F.S16 R3, R4
I2F.U32.RP R11, R6
I2IP.S8.S32.SAT R6, R7, R6, RZ
IABS R13, c[0x0][0x204]
IABS R6, R28
IADD3.X R12, R13, R5, ~R11, P1, P0
IADD3.X R3, R3, c[0x0][0x1a4], RZ, P0, !PT
IMAD R5, R12, R13, -R5
IMAD.WIDE R22, R16, R21, RZ
IMNMX.U32 R12, R8, R15, PT
IMNMX.U32 R19, R2, UR12, !PT
ISETP.EQ.U32.OR P0, PT, R4, 0x1, P6
ISETP.NE.U32.AND P0, PT, RZ, UR12, PT
LD.E.64.STRONG.GPU R46, [R38]
LD.E.SYS R3, [R4]
LDC.S8 R0, c[0x0][R0+0x4480]
LDC.S8 R12, c[0x0][0x270]
LDG.E.SYS R0, [R0.U32+UR4]
LDG.E.U8.SYS R27, [R28]
LDL R3, [R10+0x4]
LDL.LU R18, [R1+0x8]
LDS.U R20, [R13.X4+UR4]
LDS.U.128 R32, [R0]
LDSM.16.MT88.4 R36, [R43+UR8]
LDSM.16.MT88.4 R36, [R50+0x400]
LEA.HI R3, R3, R0, RZ, 0x7
LEA.HI.X R5, R19, UR5, R20, 0x1e, P0
LEPC R10
LOP3.LUT P0, RZ, R0, UR4, RZ, 0xc, !PT
LOP3.LUT R0, RZ, R23, RZ, 0x33, !PT
MEMBAR.ALL.GPU
MEMBAR.ALL.SYS
MOV R16, 0x0
MOV R82, RZ
MUFU.RCP R6, R6
MUFU.RSQ64H R19, R15
NANOSLEEP.WARP 0x40
NANOSLEEP.WARP 0xf4240
NOP
P2R R0, PR, RZ, 0x1
PLOP3.LUT P0, PT, P0, PT, PT, 0x8, 0x0
PLOP3.LUT P0, PT, PT, PT, UP0, 0x80, 0x0
POPC R2, UR4
POPC R7, R6
PRMT R0, R3, R2, R0
PRMT R25, RZ, 0x7610, R25
R2P PR, R29, 0x7e
R2P PR, R30, 0x7e
R2UR UR13, R0
R2UR UR4, R2
RED.E.ADD.F32.FTZ.RN.STRONG.GPU [R2], R5
RED.E.ADD.F64.RN.STRONG.GPU [R2+0x8], R10
RET.REL.NODEC R4 0x0
S2R R19, SR_GEMASK
S2R R8, SR_TID.Y
S2UR UR5, SR_CTAID.Y
S2UR UR6, SR_CTAID.X
SEL R0, R13, c[0x0][0x1e8], !P2
SEL R26, R5, RZ, P0
SHF.R.U32.HI R2, RZ, R6, R7
SHF.R.U32.HI R5, RZ, c[0x0][0x174], R4
SHFL.DOWN PT, R9, R6, R9, R7
SHFL.IDX PT, R27, R2, RZ, 0x1f
ST.E.128.STRONG.GPU [R20+0x200], R16
ST.E.STRONG.GPU [UR4+0x80], R39
STG.E.64.SYS [R12.64+UR4], R16
STG.E.U16.SYS [R2.64+UR4], R25
STL.64 [R1+0x10], R12
STL.64 [R1], R8
STS [R25.X4+0x80], R28
STS [R6.X4+UR4], R13
UBMSK UR4, URZ, UR4
UIADD3 UR14, UP0, UR10, -UR13, URZ
UIADD3.X UR5, URZ, -0x1, URZ, UP0, !UPT
UIMAD UR15, UR15, UR12, URZ
UIMAD.WIDE.U32 UR4, UR6, UR7, URZ
UISETP.GE.AND UP0, UPT, UR4, UR30, UPT
UISETP.GE.U32.AND UP1, UPT, UR4, UR12, UPT
ULDC UR11, c[0x0][UR5+0x1a80]
ULDC.S8 UR5, c[0x0][0x214]
ULEA UR5, UR5, 0x2500, 0x4
ULEA.HI.X.SX32 UR15, UR25, UR15, 0x1, UP0
ULOP3.LUT UP0, URZ, UR4, 0xf, URZ, 0xc0, !UPT
ULOP3.LUT UP0, URZ, URZ, URZ, URZ, 0xfc, UP0
UMOV UR22, UR13
UMOV UR6, 0x4
UPLOP3.LUT UP0, UPT, UPT, UPT, UPT, 0x40, 0x0
UPRMT UR4, URZ, 0x5410, UR4
UPRMT UR6, URZ, 0x5410, UR6
USEL UR11, UR11, 0x8, UP0
USEL UR8, UR8, 0x8, UP0
USHF.L.U64.HI UR13, UR24, UR13, UR25
USHF.L.U64.HI UR13, UR6, UR13, UR7
VOTE.ANY R0, PT, PT
VOTE.ANY R56, PT, !P0
VOTEU.ANY UR4, UPT, PT
WARPSYNC 0xffffffff
WARPSYNC R7
YIELD
FFMA.RM R36, R16, R15, 12582913
DSETP.GTU.AND P0, PT, |R10|, +INF , PT
FSEL R3, R2, -INF , P0
MUFU.RSQ R8, -QNAN 
HADD2 R16, -RZ.H0_H0, 1, 1
HADD2.F32 R6, -RZ, c[0x0] [0x160].H0_H0
STG.E.128.SYS [R48.64+UR22], R4
LDS.U.128 R48, [R97.X16+0x4900]
STS.U16 [R18+-0x2], R39
IMAD.X R11, RZ, RZ, ~c[0x0][0x194], P1
@!P0 BRA 0x3b0
@UP0 UIADD3 UR4, UR5, -UR6, UR7
FADD R6, |R6|, -|R5|
DMUL R2, R2, 1000000
FSETP.GEU.AND P0, PT, R0, 1.175494350822287508e-38, PT
R2P PR, R38.B1, 0x3
BREAK P0, B0
"""


@pytest.mark.parametrize("line", LINES.strip("\n").split("\n"))
def test_round_trip(line: str) -> None:
    assert render(parse(line)).rstrip(" ;") == line.rstrip()


@pytest.mark.parametrize("line", LINES.strip("\n").split("\n"))
def test_every_opcode_has_semantics(line: str) -> None:
    assert parse(line).op in TABLE or parse(line).op in CONTROL


def test_operands() -> None:
    instr = parse("        /*0040*/  @!P2 IADD3.X R4, P1, -R5.reuse, c[0x0][R7+0x160], ~R9, P3, !PT ;  /* 0x1 */")
    assert (instr.offset, instr.op, instr.mods, instr.guard) == (0x40, "IADD3", ("X",), Pred(2, True))
    assert instr.operands == (
        Reg(4),
        Pred(1),
        Reg(5, neg=True),
        Const(0, 0x160, Reg(7)),
        Reg(9, inv=True),
        Pred(3),
        Pred(7, True),
    )
    assert parse("LDG.E.SYS R4, [R2.64+UR4+-0x10] ;").operands[1] == Mem(Reg(2, fmt="64"), UReg(4), -16)
    assert parse("@UP1 UMOV UR4, -0x1 ;").guard == UPred(1)
    assert parse("FADD R4, R5, -0.5 ;").operands[2] == Imm(0xBF000000, "f32")
    assert parse("DADD R4, R6, 1 ;").operands[2] == Imm(0x3FF00000, "f64")
    assert parse("BRA `(.L_x_3) ;", labels={".L_x_3": 0x70}).operands == (Label(0x70),)
    assert parse("BRX R4 -0x1e0 ;", offset=0x1D0).operands == (Reg(4), Label(0))


@pytest.mark.parametrize("line", ["IADD3 R4, R5, [R6 ;", "IADD3 R4, R5, %x ;", "HADD2 R4, R5, 1 ;"])
def test_bad_text(line: str) -> None:
    with pytest.raises(ParseError):
        parse(line)


@pytest.mark.parametrize(
    "line",
    [
        "FADD.FOO R4, R5, R6 ;",
        "IADD3.X R4, -R5, R6, RZ, P0, !PT ;",
        "IMAD.WIDE R4, -R5, R6, R8 ;",
        "LDG.E.SYS R4, [R2+UR4] ;",
        "HADD2.F32 R4, R5, R6 ;",
        "DSETP.MIN.AND P0, P1, R4, R6, P2 ;",
        "F2I.S8.S8 R4, R5 ;",
    ],
)
def test_forms_without_a_rule_are_refused(line: str) -> None:
    from maf_vdev.translator.memory_map import Memory
    from maf_vdev.translator.numpy_builder import Launch, NumpyBuilder

    builder = NumpyBuilder(Launch("k", (1, 1, 1), (32, 1, 1), 0, 0, {}, Memory()), [0])
    with pytest.raises(LiftError, match=line.split()[0].split(".")[0]):
        TABLE[parse(line).op](builder, parse(line))
