// Receives GRE and counts it: what the driver and the engine cost without the chain.
define($METHOD RING, $BUFFER 32M);

FromDevice(leg, METHOD $METHOD, PROTOCOL 47, BUFFER $BUFFER) -> counter :: Counter -> Discard;
