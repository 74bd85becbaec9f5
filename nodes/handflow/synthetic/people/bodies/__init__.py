"""People as meshes on one skeleton: MakeHuman's, Rocketbox's, and simple ones that need no assets."""
