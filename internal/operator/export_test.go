package operator

// Patient is how an operator asks Temporal.
var Patient = func(t temporalClient) temporalClient { return patient{t} }
