package sqladapter

// Holds is for tests that look for passwords in what they are given.
var Holds = holds
