// The studio program: one word per job.
int main() { return 0; }
