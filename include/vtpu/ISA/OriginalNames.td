//===- OriginalNames.td - The names of the original ISA ----*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The 65 names of the first description of the vTPU, each with the instructions that have its meaning (docs/rfcs/0004-the-65-names.md). The
// manual lists a name when all of its instructions are in the table. CROUTE is two names.
//
//===----------------------------------------------------------------------===//

class OriginalName<string family, list<string> spellings> {
  string Family = family;
  list<string> Spellings = spellings;
}

def NameCGET : OriginalName<"coordinates", ["cget"]>;
def NameCPUT : OriginalName<"coordinates", ["cput"]>;
def NameCRANGE : OriginalName<"coordinates", ["crange"]>;
def NameCDELTA : OriginalName<"coordinates", ["cdelta"]>;
def NameCNEAREST : OriginalName<"coordinates", ["cnearest"]>;
def NameCHIER : OriginalName<"coordinates", ["chier"]>;
def NameCROUTEInCoordinates : OriginalName<"coordinates", ["cshard"]>;
def NameCATTEND : OriginalName<"coordinates", ["cattend"]>;
def NameCMOE : OriginalName<"coordinates", ["cmoe"]>;
def NameCKG : OriginalName<"coordinates", ["ckg"]>;
def NameDFMA : OriginalName<"dense", ["dfma"]>;
def NameDADD : OriginalName<"dense", ["dadd"]>;
def NameDSUB : OriginalName<"dense", ["dsub"]>;
def NameDMUL : OriginalName<"dense", ["dmul"]>;
def NameDCMP : OriginalName<"dense", ["dcmp3", "dcmp"]>;
def NameDRED : OriginalName<"dense", ["dred"]>;
def NameDSEL : OriginalName<"dense", ["dsel"]>;
def NameDMOV : OriginalName<"dense", ["dmov", "dimm"]>;
def NameDHDENC : OriginalName<"dense", ["dhdenc"]>;
def NameDHDBIND : OriginalName<"dense", ["dhdbind"]>;
def NameDHDBUND : OriginalName<"dense", ["dhdbund"]>;
def NameDHDPERM : OriginalName<"dense", ["dhdperm", "dhdperm2"]>;
def NameDHDSIM : OriginalName<"dense", ["dhdsim"]>;
def NameDTERNARY : OriginalName<"dense", ["dternary"]>;
def NameDTPOP : OriginalName<"dense", ["dtpop"]>;
def NameDTACC : OriginalName<"dense", ["dtacc"]>;
def NameSGATHER : OriginalName<"sparse", ["sgather", "cget"]>;
def NameSSCATTR : OriginalName<"sparse", ["sscatter", "cput"]>;
def NameSINDEX : OriginalName<"sparse", ["sindex"]>;
def NameSDEDUP : OriginalName<"sparse", ["sdedup"]>;
def NameSPREFCH : OriginalName<"sparse", ["sprefch", "sprefch2", "sprefch3", "sprefchn", "cprefch"]>;
def NameSFLUSH : OriginalName<"sparse", ["sflush"]>;
def NameSALLOC : OriginalName<"sparse", ["salloc"]>;
def NameSFREE : OriginalName<"sparse", ["sfree"]>;
def NameSASSOC : OriginalName<"sparse", ["sassoc"]>;
def NameSROUTE : OriginalName<"sparse", ["sroute"]>;
def NameSNEIGHBR : OriginalName<"sparse", ["sneighbr"]>;
def NameCPACK : OriginalName<"coordination", ["cpack", "cpackv", "cpackp"]>;
def NameCSEND : OriginalName<"coordination", ["csend"]>;
def NameCRECV : OriginalName<"coordination", ["crecv"]>;
def NameCROUTE : OriginalName<"coordination", ["croute"]>;
def NameCFANOUT : OriginalName<"coordination", ["cfanout"]>;
def NameCBAR : OriginalName<"coordination", ["cbar", "cbarn"]>;
def NameCFENCE : OriginalName<"coordination", ["cfence"]>;
def NameCREDUCE : OriginalName<"coordination", ["creduce"]>;
def NameCCAST : OriginalName<"coordination", ["ccast"]>;
def NameCSLICE : OriginalName<"coordination", ["cslice"]>;
def NameCMERGE : OriginalName<"coordination", ["cmerge"]>;
def NameSHYPER : OriginalName<"geometry", ["shyper"]>;
def NameSHWRITE : OriginalName<"geometry", ["shwrite"]>;
def NameSSIMPLEX : OriginalName<"geometry", ["ssimplex"]>;
def NameSBOUNDARY : OriginalName<"geometry", ["sboundary"]>;
def NameSCOCYCLE : OriginalName<"geometry", ["scocycle"]>;
def NameSHYPDIST : OriginalName<"geometry", ["shypdist"]>;
def NameSHYPBALL : OriginalName<"geometry", ["shypball"]>;
def NameSHYPMAP : OriginalName<"geometry", ["shypmap"]>;
def NameSTENSOR : OriginalName<"geometry", ["stensor"]>;
def NameSTRFACTOR : OriginalName<"geometry", ["strfactor"]>;
def NameSLAPLACE : OriginalName<"geometry", ["slaplace"]>;
def NameSCURVE : OriginalName<"geometry", ["scurve"]>;
def NameSDIFFUSE : OriginalName<"geometry", ["sdiffuse"]>;
def NameDHYPADD : OriginalName<"geometry", ["dhypadd"]>;
def NameDHYPMUL : OriginalName<"geometry", ["dhypmul"]>;
def NameDGRADIENT : OriginalName<"geometry", ["dgradient"]>;
def NameDDIVERG : OriginalName<"geometry", ["ddiverg"]>;
