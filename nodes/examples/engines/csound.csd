<CsoundSynthesizer>
; Csound: a tone for each slot of the layout `hands-split`. Up is high, an open palm is bright, a waving hand an octave higher. In the graph:
;   osc: {run: osc, in: tracker, with: {targets: [{protocol: hands-split, slots: 8}]}}
; Any instrument reads a hand from its channels: chnget:k("hands/0/x"), and y, open, id, waves, active (1 while somebody is there).
<CsOptions>
-odac
</CsOptions>
<CsInstruments>
sr = 48000
ksmps = 64
nchnls = 2
0dbfs = 1

giPort OSCinit 9000

; The newest number that came to an address; all that wait are read, or they would queue up.
opcode Newest, k, SS
  SAddress, SType xin
  kFloat init 0
  kInt init 0
  if strcmp(SType, "f") == 0 then
more:
    kGot OSClisten giPort, SAddress, "f", kFloat
    if kGot != 0 kgoto more
    kOut = kFloat
  else
again:
    kGot OSClisten giPort, SAddress, "i", kInt
    if kGot != 0 kgoto again
    kOut = kInt
  endif
  xout kOut
endop

instr Hand  ; p4: its slot
  SHand sprintf "hands/%d/", p4
  SAddress strcat "/", SHand
  kActive Newest strcat(SAddress, "active"), "i"
  kId Newest strcat(SAddress, "id"), "i"
  kX Newest strcat(SAddress, "x"), "f"
  kY Newest strcat(SAddress, "y"), "f"
  kOpen Newest strcat(SAddress, "open"), "f"
  kWaves Newest strcat(SAddress, "gesture/wave"), "i"  ; if a stage `gestures` is wired
  chnset kActive, strcat(SHand, "active")
  chnset kId, strcat(SHand, "id")
  chnset kX, strcat(SHand, "x")
  chnset kY, strcat(SHand, "y")
  chnset kOpen, strcat(SHand, "open")
  chnset kWaves, strcat(SHand, "waves")
  aTone vco2 port(kActive, 0.1) * 0.1, 880 * 2 ^ (kWaves * kActive - 3 * port(kY, 0.02)), 12
  aTone tone aTone, 300 * 20 ^ port(kOpen, 0.05)
  aLeft, aRight pan2 aTone, port(kX, 0.02)
  outs aLeft, aRight
endin
</CsInstruments>
<CsScore>
{ 8 SLOT
i "Hand" 0 z $SLOT
}
</CsScore>
</CsoundSynthesizer>
