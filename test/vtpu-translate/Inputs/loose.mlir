// Allocated, but not in words.
siw.func entry @main attributes {bindings = []} {
  siw.cret : () -> ()
}
