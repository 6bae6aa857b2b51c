"""The signer: private keys, what each may sign, and the process that holds them apart from everything else."""
