// A program of phase input.
func.func @main() {
  return
}
